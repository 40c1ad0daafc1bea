#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/tokenizer/jinja/value.h"
#include "nlohmann/json.hpp"

namespace steer {

// What a golden file gives a template to work with.
inline jinja::Value ValueOf(const nlohmann::ordered_json& json) {
  jinja::Budget budget;
  if (json.is_null()) return jinja::Value(jinja::None{});
  if (json.is_boolean()) return jinja::Value(json.get<bool>());
  if (json.is_number_integer()) return jinja::Value(json.get<int64_t>());
  if (json.is_number()) return jinja::Value(json.get<double>());
  if (json.is_string()) return jinja::Value(jinja::Text(json.get<std::string>()));
  absl::StatusOr<jinja::Value> made;
  if (json.is_array()) {
    jinja::Values items;
    for (const auto& item : json) items.push_back(ValueOf(item));
    made = jinja::MakeSequence(jinja::Sequence::Kind::kList, std::move(items));
  } else {
    std::vector<std::pair<jinja::Value, jinja::Value>> entries;
    for (const auto& [key, value] : json.items()) {
      entries.emplace_back(jinja::Value(jinja::Text(key)), ValueOf(value));
    }
    made = jinja::MakeDict(std::move(entries), budget);
  }
  STEER_CHECK(made.ok());
  return *std::move(made);
}

}  // namespace steer
