#include "core/model/json_fields.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

using Json = nlohmann::json;

std::string Shown(const Json& value) {
  return Quoted(value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace));
}

template <typename T>
bool Is(const Json& value) {
  if constexpr (std::is_same_v<T, double>) return value.is_number();
  if constexpr (std::is_same_v<T, bool>) return value.is_boolean();
  if constexpr (std::is_same_v<T, std::string>) return value.is_string();
}

template <typename T>
std::optional<std::vector<T>> List(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<T> list;
  for (const Json& element : value) {
    if (!Is<T>(element)) return std::nullopt;
    list.push_back(element.get<T>());
  }
  return list;
}

}  // namespace

std::string JsonFields::PathOf(absl::string_view key) const {
  return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
}

bool JsonFields::IsNull(absl::string_view key) const {
  const auto found = object_->find(std::string(key));
  return found != object_->end() && found->is_null();
}

const Json* JsonFields::Find(absl::string_view key) {
  const std::string name(key);
  known_.insert(name);
  const auto found = object_->find(name);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

absl::Status JsonFields::Wrong(absl::string_view key, const Json& value,
                               absl::string_view allowed) const {
  return InvalidField(PathOf(key), Shown(value), allowed);
}

absl::StatusOr<std::optional<double>> JsonFields::Number(absl::string_view key) {
  const Json* const value = Find(key);
  if (value == nullptr) return std::optional<double>();
  if (!Is<double>(*value)) return Wrong(key, *value, "a number");
  return std::optional<double>(value->get<double>());
}

absl::StatusOr<std::optional<bool>> JsonFields::Bool(absl::string_view key) {
  const Json* const value = Find(key);
  if (value == nullptr) return std::optional<bool>();
  if (!Is<bool>(*value)) return Wrong(key, *value, "true or false");
  return std::optional<bool>(value->get<bool>());
}

absl::StatusOr<std::optional<std::string>> JsonFields::String(absl::string_view key) {
  const Json* const value = Find(key);
  if (value == nullptr) return std::optional<std::string>();
  if (!Is<std::string>(*value)) return Wrong(key, *value, "a string");
  return std::optional<std::string>(value->get<std::string>());
}

absl::StatusOr<std::optional<std::vector<double>>> JsonFields::Numbers(absl::string_view key) {
  const Json* const value = Find(key);
  if (value == nullptr) return std::optional<std::vector<double>>();
  std::optional<std::vector<double>> list = List<double>(*value);
  if (!list) return Wrong(key, *value, "a list of numbers");
  return list;
}

absl::StatusOr<std::optional<std::vector<std::string>>> JsonFields::Strings(absl::string_view key) {
  const Json* const value = Find(key);
  if (value == nullptr) return std::optional<std::vector<std::string>>();
  std::optional<std::vector<std::string>> list = List<std::string>(*value);
  if (!list) return Wrong(key, *value, "a list of strings");
  return list;
}

absl::StatusOr<std::optional<JsonFields>> JsonFields::Object(absl::string_view key) {
  const Json* const value = Find(key);
  if (value == nullptr) return std::optional<JsonFields>();
  if (!value->is_object()) return Wrong(key, *value, "an object");
  return std::optional<JsonFields>(JsonFields(*value, PathOf(key)));
}

absl::StatusOr<int64_t> JsonFields::Int(absl::string_view key, std::optional<int64_t> absent,
                                        int64_t least, int64_t most) {
  STEER_ASSIGN_OR_RETURN(const std::optional<double> value, Number(key));
  const std::string allowed = absl::StrCat("a whole number of ", least, "..", most);
  if (!value) {
    if (absent) return *absent;
    return InvalidField(PathOf(key), "nothing", allowed);
  }
  if (std::trunc(*value) == *value && *value >= static_cast<double>(least) &&
      *value <= static_cast<double>(most)) {
    return static_cast<int64_t>(*value);
  }
  return InvalidField(PathOf(key), absl::StrCat(*value), allowed);
}

absl::StatusOr<double> JsonFields::Positive(absl::string_view key, std::optional<double> absent) {
  STEER_ASSIGN_OR_RETURN(std::optional<double> value, Number(key));
  if (!value) value = absent;
  if (value && *value > 0) return *value;
  return InvalidField(PathOf(key), value ? absl::StrCat(*value) : "nothing", "a number above 0");
}

absl::Status JsonFields::OnlyAs(absl::string_view key, const Json& value) {
  const Json* const found = Find(key);
  if (found == nullptr || *found == value) return absl::OkStatus();
  return FieldError(absl::StatusCode::kUnimplemented,
                    {"UNSUPPORTED_MODEL", PathOf(key), Shown(*found), Shown(value)});
}

void JsonFields::Ignore(std::initializer_list<absl::string_view> keys) {
  for (const absl::string_view key : keys) known_.insert(std::string(key));
}

absl::Status JsonFields::RefuseOthers() const {
  for (const auto& [key, value] : object_->items()) {
    if (value.is_null() || known_.contains(key)) continue;
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_MODEL", PathOf(Quoted(key)), Shown(value),
                       "only fields whose effect is known: it might change what the model is"});
  }
  return absl::OkStatus();
}

}  // namespace steer
