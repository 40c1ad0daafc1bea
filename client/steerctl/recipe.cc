#include "client/steerctl/recipe.h"

#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"
#include "yaml-cpp/yaml.h"

namespace steer {
namespace {

using Json = nlohmann::json;

// A scalar is what it looks like, unless it was quoted.
Json ToJson(const YAML::Node& node) {
  if (node.IsMap()) {
    Json object = Json::object();
    for (const auto& member : node) object[member.first.as<std::string>()] = ToJson(member.second);
    return object;
  }
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const YAML::Node& item : node) list.push_back(ToJson(item));
    return list;
  }
  if (!node.IsScalar()) return {};
  const bool quoted = node.Tag() == "!";
  if (bool flag = false; !quoted && YAML::convert<bool>::decode(node, flag)) return flag;
  if (int64_t number = 0; !quoted && YAML::convert<int64_t>::decode(node, number)) return number;
  if (double number = 0; !quoted && YAML::convert<double>::decode(node, number)) return number;
  return node.Scalar();
}

// In protobuf's JSON, bytes are in base 64; in a recipe they are text.
void EncodeBytes(const google::protobuf::Descriptor& type, Json& object) {
  if (!object.is_object()) return;
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    const auto it = object.find(field.name());
    if (it == object.end()) continue;
    Json single = Json::array();
    if (!it->is_array()) single.push_back(*it);
    for (Json& value : it->is_array() ? *it : single) {
      if (field.message_type() != nullptr && !field.is_map()) {
        EncodeBytes(*field.message_type(), value);
      } else if (field.type() == google::protobuf::FieldDescriptor::TYPE_BYTES &&
                 value.is_string()) {
        value = absl::Base64Escape(value.get<std::string>());
      }
    }
    if (!it->is_array()) *it = single[0];
  }
}

}  // namespace

absl::StatusOr<v1::StartJobRequest> ParseRecipe(const std::string& yaml, absl::string_view name) {
  Json json;
  try {
    json = ToJson(YAML::Load(yaml));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", error.what()));
  }
  if (!json.is_object())
    return InvalidField(name, json.type_name(), "fields of StartJobRequest, such as training");
  v1::StartJobRequest request;
  EncodeBytes(*request.GetDescriptor(), json);
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto status = google::protobuf::util::JsonStringToMessage(text, &request);
  if (status.ok()) return request;
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": ", std::string(status.message().data(), status.message().size())));
}

absl::StatusOr<v1::StartJobRequest> ReadRecipe(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return ParseRecipe(text, path);
}

}  // namespace steer
