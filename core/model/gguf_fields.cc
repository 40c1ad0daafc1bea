#include "core/model/gguf_fields.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::Status Unsupported(const std::string& key, absl::string_view allowed) {
  return FieldError(
      absl::StatusCode::kUnimplemented,
      {"UNSUPPORTED_MODEL", Quoted(key), "a value that switches it on", std::string(allowed)});
}

}  // namespace

GgufFields::GgufFields(const GgufFile& file, absl::string_view architecture)
    : file_(file), prefix_(absl::StrCat(architecture, ".")) {}

std::string GgufFields::KeyOf(absl::string_view name) const { return absl::StrCat(prefix_, name); }

std::string GgufFields::Asked(absl::string_view name) {
  std::string key = KeyOf(name);
  known_.insert(key);
  return key;
}

bool GgufFields::Has(absl::string_view name) { return file_.Find(Asked(name)) != nullptr; }

absl::StatusOr<int64_t> GgufFields::Int(absl::string_view name, std::optional<int64_t> absent,
                                        int64_t least, int64_t most) {
  const std::string key = Asked(name);
  if (absent && file_.Find(key) == nullptr) return *absent;
  STEER_ASSIGN_OR_RETURN(const int64_t value, file_.Int(key));
  if (value >= least && value <= most) return value;
  return InvalidField(key, absl::StrCat(value), absl::StrCat(least, "..", most));
}

absl::StatusOr<double> GgufFields::Float(absl::string_view name, std::optional<double> absent) {
  const std::string key = Asked(name);
  if (absent && file_.Find(key) == nullptr) return *absent;
  return file_.Float(key);
}

absl::StatusOr<std::string> GgufFields::StringOr(absl::string_view name, std::string absent) {
  return file_.StringOr(Asked(name), std::move(absent));
}

absl::Status GgufFields::OnlyAs(absl::string_view name, const GgufFile::Value& value) {
  const std::string key = Asked(name);
  const GgufFile::Value* const found = file_.Find(key);
  if (found == nullptr || *found == value) return absl::OkStatus();
  return Unsupported(key, "a model without it");
}

void GgufFields::Ignore(std::initializer_list<absl::string_view> names) {
  for (const absl::string_view name : names) known_.insert(KeyOf(name));
}

absl::Status GgufFields::RefuseOthers() const {
  absl::Status refused;
  for (const std::string& key : file_.KeysFrom(prefix_)) {
    if (known_.contains(key)) continue;
    return Unsupported(key, "only keys whose effect is known: it might change what the model is");
  }
  return absl::OkStatus();
}

}  // namespace steer
