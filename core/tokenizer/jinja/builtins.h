#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tokenizer/jinja/budget.h"
#include "core/tokenizer/jinja/value.h"

// What filters, tests and methods do. Their names and parameters are in signatures.h: arguments
// come in the order of the parameters, with nullopt for those left out, and further ones behind.
namespace steer::jinja {

using Arguments = std::vector<std::optional<Value>>;

absl::StatusOr<Value> ApplyFilter(const std::string& name, const Value& subject,
                                  const Arguments& arguments, Budget& budget);
absl::StatusOr<bool> ApplyTest(const std::string& name, const Value& subject,
                               const Arguments& arguments, Budget& budget);
absl::StatusOr<Value> CallMethod(const std::string& name, const Value& subject,
                                 const Arguments& arguments, Budget& budget);

// Python's len().
absl::StatusOr<int64_t> Length(const Value& value);
// Strings of `values` with `separator` between them.
absl::StatusOr<Text> Join(const Values& values, const Text& separator, Budget& budget);
// `preset` if the argument was left out.
absl::StatusOr<int64_t> WholeArgument(const Arguments& arguments, size_t at, int64_t preset);
bool TruthArgument(const Arguments& arguments, size_t at, bool preset);

}  // namespace steer::jinja
