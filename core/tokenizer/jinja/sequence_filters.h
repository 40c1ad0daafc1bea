#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/tokenizer/jinja/builtins.h"

// Filters that go through the items of a value.
namespace steer::jinja {

// "function.name" and "0.name" go through items, as the reference's attribute getter does.
absl::StatusOr<Value> DottedItem(const Value& value, const Value& attribute, Budget& budget);
// select, reject, selectattr and rejectattr.
absl::StatusOr<Value> Selected(const std::string& name, const Value& subject,
                               const Arguments& arguments, Budget& budget);
absl::StatusOr<Value> Mapped(const Value& subject, const Arguments& arguments, Budget& budget);
// first, last, reverse and list.
absl::StatusOr<Value> OfItems(const std::string& name, const Value& subject, Budget& budget);

}  // namespace steer::jinja
