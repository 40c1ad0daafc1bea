#include "core/store/limits.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/signal_store.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

constexpr size_t kMaxAliasBytes = 128;
constexpr int kMaxPageSize = 1000;

// The JSON library checks UTF-8 when it writes, and labels are stored as JSON.
bool IsUtf8(const std::string& text) {
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

absl::Status CheckText(const std::string& field, const std::string& text, size_t min, size_t max) {
  const std::string allowed = absl::StrCat(min, " to ", max, " bytes of UTF-8");
  if (text.size() < min || text.size() > max) {
    return InvalidField(field, absl::StrCat(text.size(), " bytes"), allowed);
  }
  if (!IsUtf8(text)) return InvalidField(field, Quoted(text), allowed);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAnnotations(const std::map<std::string, std::string>& labels,
                              const std::string& description) {
  if (labels.size() > kMaxLabels) {
    return InvalidField("labels", absl::StrCat(labels.size(), " labels"),
                        absl::StrCat("at most ", kMaxLabels));
  }
  for (const auto& [key, value] : labels) {
    STEER_RETURN_IF_ERROR(
        CheckText(absl::StrCat("key of labels[", Quoted(key), "]"), key, 1, kMaxLabelKeyBytes));
    STEER_RETURN_IF_ERROR(
        CheckText(absl::StrCat("labels[", Quoted(key), "]"), value, 0, kMaxLabelValueBytes));
  }
  return CheckText("description", description, 0, kMaxDescriptionBytes);
}

absl::Status CheckAliasName(absl::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '/' || c == '-';
  });
  const bool like_an_id =
      name.size() == 64 && std::all_of(name.begin(), name.end(), absl::ascii_isxdigit);
  if (name.empty() || name.size() > kMaxAliasBytes || !plain || like_an_id) {
    return InvalidField("name", Quoted(name),
                        "1 to 128 characters of A-Z a-z 0-9 . _ / -, not 64 hex digits");
  }
  return absl::OkStatus();
}

absl::Status CheckPageSize(int page_size) {
  if (page_size < 1 || page_size > kMaxPageSize) {
    return InvalidField("page_size", absl::StrCat(page_size), absl::StrCat("1 to ", kMaxPageSize));
  }
  return absl::OkStatus();
}

}  // namespace steer
