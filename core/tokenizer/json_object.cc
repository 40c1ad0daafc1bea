#include "core/tokenizer/json_object.h"

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

using Json = nlohmann::json;

absl::Status WrongType(absl::string_view path, const Json* value, absl::string_view allowed) {
  return InvalidField(path, value == nullptr ? "nothing" : value->type_name(), allowed);
}

}  // namespace

absl::StatusOr<Json> ParseJson(const std::string& text, absl::string_view name) {
  constexpr int kMaxDepth = 64;
  constexpr size_t kMaxValues = size_t{1} << 24U;
  bool is_too_deep = false;
  size_t values = 0;
  const auto keep = [&](int depth, Json::parse_event_t event, Json&) {
    is_too_deep |= depth > kMaxDepth;
    if (event != Json::parse_event_t::key) ++values;
    return !is_too_deep && values <= kMaxValues;
  };
  Json json = Json::parse(text, keep, /*allow_exceptions=*/false);
  if (is_too_deep) return InvalidField(name, "more than 64 levels", "up to 64 levels of JSON");
  if (values > kMaxValues) return InvalidField(name, "more than 2^24 values", "up to 2^24 values");
  if (json.is_discarded()) return InvalidField(name, "no JSON", "JSON");
  return json;
}

absl::StatusOr<JsonObject> JsonObject::Of(const Json& value, std::string path) {
  if (!value.is_object()) return WrongType(path, &value, "an object");
  return JsonObject(&value, std::move(path));
}

std::string JsonObject::PathOf(absl::string_view key) const {
  return absl::StrCat(path_, path_.empty() ? "" : ".", key);
}

const Json* JsonObject::Find(const std::string& key) {
  asked_.insert(key);
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

absl::StatusOr<std::string> JsonObject::String(const std::string& key) {
  const Json* const value = Find(key);
  if (value == nullptr || !value->is_string()) return WrongType(PathOf(key), value, "a string");
  return value->get<std::string>();
}

absl::StatusOr<std::string> JsonObject::StringOr(const std::string& key, std::string fallback) {
  if (Find(key) == nullptr) return fallback;
  return String(key);
}

absl::StatusOr<bool> JsonObject::BoolOr(const std::string& key, bool fallback) {
  const Json* const value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) return WrongType(PathOf(key), value, "true or false");
  return value->get<bool>();
}

absl::StatusOr<int64_t> JsonObject::IntOr(const std::string& key, int64_t fallback) {
  const Json* const value = Find(key);
  if (value == nullptr) return fallback;
  if (!value->is_number_integer()) return WrongType(PathOf(key), value, "a whole number");
  return value->get<int64_t>();
}

absl::Status JsonObject::AllAsked() const {
  for (const auto& [key, value] : value_->items()) {
    const bool says_nothing = value.is_null() || (value.is_boolean() && !value.get<bool>());
    if (says_nothing || asked_.contains(key)) continue;
    return Unknown(Quoted(key), value.type_name(), "only what is known here");
  }
  return absl::OkStatus();
}

absl::Status JsonObject::Unknown(absl::string_view key, absl::string_view got,
                                 absl::string_view allowed) const {
  return FieldError(absl::StatusCode::kUnimplemented,
                    {"UNKNOWN_TOKENIZER", PathOf(key), std::string(got), std::string(allowed)});
}

absl::StatusOr<std::vector<JsonObject>> Flatten(const Json* root, const std::string& path,
                                                const std::string& list) {
  constexpr size_t kMaxParts = 64;
  std::vector<JsonObject> flat;
  std::vector<std::pair<const Json*, std::string>> waiting;  // the next one last
  if (root != nullptr && !root->is_null()) waiting.emplace_back(root, path);
  while (!waiting.empty()) {
    const auto [value, where] = waiting.back();
    waiting.pop_back();
    STEER_ASSIGN_OR_RETURN(JsonObject object, JsonObject::Of(*value, where));
    STEER_ASSIGN_OR_RETURN(const std::string type, object.String("type"));
    if (type != "Sequence") {
      flat.push_back(std::move(object));
      continue;
    }
    const Json* const parts = object.Find(list);
    if (parts == nullptr || !parts->is_array())
      return WrongType(object.PathOf(list), parts, "a list");
    STEER_RETURN_IF_ERROR(object.AllAsked());
    if (flat.size() + waiting.size() + parts->size() > kMaxParts) {
      return object.Unknown(list, "more than 64 parts", "up to 64 in all");
    }
    for (size_t i = parts->size(); i > 0; --i) {
      waiting.emplace_back(&(*parts)[i - 1], absl::StrCat(object.PathOf(list), "[", i - 1, "]"));
    }
  }
  return flat;
}

}  // namespace steer
