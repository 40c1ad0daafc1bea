#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace steer {

// The members of one JSON object, read by name. What was never asked for can be refused, so that a
// switch nobody knows is not ignored in silence. A member that is null counts as absent. Errors are
// INVALID_ARGUMENT and name the member by its whole path. Not thread-safe.
class JsonFields {
 public:
  // `object` outlives this. `path` goes before the names in errors ("rope_scaling").
  JsonFields(const nlohmann::json& object, std::string path)
      : object_(&object), path_(std::move(path)) {}

  // There, and null: some fields mean something else by that than by being left out.
  bool IsNull(absl::string_view key) const;

  absl::StatusOr<std::optional<double>> Number(absl::string_view key);
  absl::StatusOr<std::optional<bool>> Bool(absl::string_view key);
  absl::StatusOr<std::optional<std::string>> String(absl::string_view key);
  absl::StatusOr<std::optional<std::vector<double>>> Numbers(absl::string_view key);
  absl::StatusOr<std::optional<std::vector<std::string>>> Strings(absl::string_view key);
  absl::StatusOr<std::optional<JsonFields>> Object(absl::string_view key);

  // A whole number of least..most, or `absent` where there is none.
  absl::StatusOr<int64_t> Int(absl::string_view key, std::optional<int64_t> absent, int64_t least,
                              int64_t most);
  // A number of more than 0, or `absent`.
  absl::StatusOr<double> Positive(absl::string_view key, std::optional<double> absent);

  // UNIMPLEMENTED if the member is there and is neither null nor `value`.
  absl::Status OnlyAs(absl::string_view key, const nlohmann::json& value);
  // Members that change nothing we compute.
  void Ignore(std::initializer_list<absl::string_view> keys);
  // UNIMPLEMENTED names the first member that was not asked for and is not null.
  absl::Status RefuseOthers() const;

  std::string PathOf(absl::string_view key) const;

 private:
  const nlohmann::json* Find(absl::string_view key);
  absl::Status Wrong(absl::string_view key, const nlohmann::json& value,
                     absl::string_view allowed) const;

  const nlohmann::json* object_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace steer
