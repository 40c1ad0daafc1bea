#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/jinja/ast.h"
#include "core/tokenizer/jinja/text.h"
#include "core/tokenizer/jinja/value.h"

namespace steer::jinja {

// A Jinja template as chat templates are written: what it writes is what the reference (Jinja2 in
// the sandbox of transformers) writes, or an error. Immutable and thread-safe.
class Program {
 public:
  // INVALID_ARGUMENT for what is no Jinja, UNIMPLEMENTED for a construct that is not known here;
  // both name it and its line.
  static absl::StatusOr<Program> Parse(absl::string_view source);

  // `now` is what strftime_now tells. Time, memory and depth are bounded. The errors of Jinja are
  // INVALID_ARGUMENT: what raise_exception says, or a line and what is wrong there. UNIMPLEMENTED
  // for what no look at the template could have told.
  absl::StatusOr<Text> Render(std::map<std::string, Value> variables, std::time_t now) const;

 private:
  explicit Program(Block block) : block_(std::make_shared<const Block>(std::move(block))) {}

  std::shared_ptr<const Block> block_;
};

}  // namespace steer::jinja
