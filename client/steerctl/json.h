#pragma once

#include <string>

#include "google/protobuf/message.h"
#include "nlohmann/json.hpp"

namespace steer {

// A message as JSON with the proto's own field names, in the order of the proto: `bytes` as text,
// 64-bit integers as numbers, enums by name, maps as objects. Fields that were not set are left
// out if they are optional or messages, and shown with their zero otherwise.
nlohmann::ordered_json ToJson(const google::protobuf::Message& message);

// Two spaces of indentation and a newline; bytes that are not UTF-8 become U+FFFD.
std::string Dump(const nlohmann::ordered_json& json);

}  // namespace steer
