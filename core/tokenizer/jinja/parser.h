#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/jinja/ast.h"

namespace steer::jinja {

// INVALID_ARGUMENT for what is no Jinja, UNIMPLEMENTED for a construct this interpreter does not
// know; both name it and its line.
absl::StatusOr<Block> Parse(absl::string_view source);

}  // namespace steer::jinja
