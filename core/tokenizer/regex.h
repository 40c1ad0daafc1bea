#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/byte_span.h"

namespace steer {

// A pattern of the kind that tokenizers cut text with. Immutable and thread-safe.
class Regex {
 public:
  // `pattern` in the reference's syntax, as far as tokenizers need it: literals, classes of
  // characters and their escapes, \p{...}, groups, (?i:...), lookahead, alternatives, quantifiers.
  // UNIMPLEMENTED names what else it has, or says that it can match nothing at all, or that its
  // work is not bounded by the length of the text times a constant.
  static absl::StatusOr<Regex> Create(absl::string_view pattern);
  // As PCRE2 reads it; INVALID_ARGUMENT if it does not compile.
  static absl::StatusOr<Regex> FromPcre2(const std::string& pattern);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // Calls `match` for the matches in order; they are not empty and do not overlap. `text` must be
  // valid UTF-8.
  void ForEach(absl::string_view text, absl::FunctionRef<void(ByteSpan)> match) const;

 private:
  struct Code;
  explicit Regex(std::unique_ptr<const Code> code);

  std::unique_ptr<const Code> code_;
};

}  // namespace steer
