#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/tokenizer/jinja/value.h"

// The operators of expressions.
namespace steer::jinja {

absl::StatusOr<Value> Arithmetic(const std::string& name, const Value& left, const Value& right,
                                 Budget& budget);
absl::StatusOr<Value> Negative(const Value& value);

// `value.name` and `value[key]`: undefined if there is none, an error if `value` is undefined.
absl::StatusOr<Value> Attribute(const Value& value, const std::string& name);
absl::StatusOr<Value> Item(const Value& value, const Value& key, Budget& budget);
struct SliceBounds {
  std::optional<int64_t> start;
  std::optional<int64_t> stop;
  std::optional<int64_t> step;
};
absl::StatusOr<Value> Slice(const Value& value, const SliceBounds& bounds, Budget& budget);

}  // namespace steer::jinja
