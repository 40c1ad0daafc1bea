#include "core/tokenizer/jinja/program.h"

#include <utility>

#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/interpreter.h"
#include "core/tokenizer/jinja/parser.h"

namespace steer::jinja {

absl::StatusOr<Program> Program::Parse(absl::string_view source) {
  STEER_ASSIGN_OR_RETURN(Block block, jinja::Parse(source));
  return Program(std::move(block));
}

absl::StatusOr<Text> Program::Render(std::map<std::string, Value> variables,
                                     std::time_t now) const {
  return Interpreter(std::move(variables), now).Run(*block_);
}

}  // namespace steer::jinja
