#pragma once

#include "absl/status/statusor.h"
#include "core/tokenizer/jinja/budget.h"
#include "core/tokenizer/jinja/text.h"
#include "core/tokenizer/jinja/value.h"

namespace steer::jinja {

// What `{{ value }}` writes: str() of Python.
absl::StatusOr<Text> Str(const Value& value, Budget& budget);

// json.dumps of Python, as the reference calls it for the filter tojson.
struct JsonFormat {
  bool ensure_ascii = false;
  std::optional<std::string> indent;  // one level of it
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};
absl::StatusOr<Text> ToJson(const Value& value, const JsonFormat& format, Budget& budget);

}  // namespace steer::jinja
