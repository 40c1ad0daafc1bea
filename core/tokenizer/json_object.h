#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// Parsed without exceptions. INVALID_ARGUMENT, of `name`, for what is no JSON, is more than 64
// levels deep, or has more than 2^24 values.
absl::StatusOr<nlohmann::json> ParseJson(const std::string& text, absl::string_view name);

// The members of a JSON object by name and type; remembers which were asked for, so that none is
// overlooked. null counts as absent. The JSON must outlive it.
class JsonObject {
 public:
  // INVALID_ARGUMENT if `value` is no object.
  static absl::StatusOr<JsonObject> Of(const nlohmann::json& value, std::string path);

  const std::string& path() const { return path_; }
  std::string PathOf(absl::string_view key) const;

  const nlohmann::json* Find(const std::string& key);  // nullptr if absent
  // INVALID_ARGUMENT names a member of another type, or one that is missing without a fallback.
  absl::StatusOr<std::string> String(const std::string& key);
  absl::StatusOr<std::string> StringOr(const std::string& key, std::string fallback);
  absl::StatusOr<bool> BoolOr(const std::string& key, bool fallback);
  absl::StatusOr<int64_t> IntOr(const std::string& key, int64_t fallback);

  // UNIMPLEMENTED names a member that nobody asked for and that is neither null nor false.
  absl::Status AllAsked() const;
  // UNIMPLEMENTED for this member's value, with what is known instead.
  absl::Status Unknown(absl::string_view key, absl::string_view got,
                       absl::string_view allowed) const;

 private:
  JsonObject(const nlohmann::json* value, std::string path)
      : value_(value), path_(std::move(path)) {}

  const nlohmann::json* value_;
  std::string path_;
  std::set<std::string> asked_;
};

// The object `root`, or if its "type" is Sequence the objects in its list `list`, sequences in it
// taken apart likewise. `root` may be null: then none. UNIMPLEMENTED for more than 64.
absl::StatusOr<std::vector<JsonObject>> Flatten(const nlohmann::json* root, const std::string& path,
                                                const std::string& list);

}  // namespace steer
