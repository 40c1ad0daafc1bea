#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer::jinja {

struct Token {
  enum class Type {
    kData,    // text outside of tags
    kOutput,  // {{
    kTag,     // {%
    kClose,   // the end of either
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd,
  };
  Type type = Type::kEnd;
  int line = 1;
  std::string text;  // data; a name; a string without quotes and escapes; an operator
  int64_t integer = 0;
  double real = 0;
};

// Takes a template apart by Jinja's rules, with trim_blocks and lstrip_blocks as the reference sets
// them. Comments are gone, raw blocks are data, the last token is kEnd. INVALID_ARGUMENT for what
// is no Jinja, UNIMPLEMENTED for what is not known; both with the line.
absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source);

absl::Status SyntaxError(int line, absl::string_view message);
absl::Status Unsupported(int line, absl::string_view what);

}  // namespace steer::jinja
