#include "server/convert.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/store/signal_store.h"
#include "core/tokenizer/utf8.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

bool IsHex64(absl::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), absl::ascii_isxdigit);
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ToLabels(
    const std::string& field, const google::protobuf::Map<std::string, std::string>& labels) {
  if (labels.size() > kMaxLabels) {
    return InvalidField(field, absl::StrCat(labels.size(), " labels"),
                        absl::StrCat("at most ", kMaxLabels, " labels"));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > kMaxLabelKeyBytes) {
      return InvalidField(field, absl::StrCat("the key ", Quoted(key)),
                          absl::StrCat("keys of 1 to ", kMaxLabelKeyBytes, " bytes"));
    }
    if (value.size() > kMaxLabelValueBytes) {
      return InvalidField(absl::StrCat(field, "[", key, "]"), absl::StrCat(value.size(), " bytes"),
                          absl::StrCat("at most ", kMaxLabelValueBytes, " bytes"));
    }
  }
  return std::map<std::string, std::string>(labels.begin(), labels.end());
}

absl::Status CheckDescription(const std::string& field, const std::string& description) {
  if (description.size() <= kMaxDescriptionBytes) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(description.size(), " bytes"),
                      absl::StrCat("at most ", kMaxDescriptionBytes, " bytes"));
}

absl::Status CheckCount(absl::string_view field, int count, int least, int most) {
  if (count >= least && count <= most) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(count, " entries"),
                      absl::StrCat(least, " to ", most, " entries"));
}

absl::Status CheckFinite(absl::string_view field, double value) {
  if (std::isfinite(value)) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(value), "a finite number");
}

absl::Status CheckUtf8(absl::string_view field, absl::string_view text) {
  const std::optional<size_t> bad = FirstInvalidUtf8(text);
  if (!bad) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrFormat("byte 0x%02x at offset %d, which is not UTF-8",
                                      static_cast<unsigned char>(text[*bad]), *bad),
                      "valid UTF-8");
}

bool IsSpeltAsId(absl::string_view text) {
  return IsHex64(text) && std::none_of(text.begin(), text.end(), absl::ascii_isupper);
}

absl::Status CheckId(absl::string_view field, absl::string_view id) {
  if (IsSpeltAsId(id)) return absl::OkStatus();
  return InvalidField(field, Quoted(id), "64 lower-case hex digits");
}

absl::Status CheckAliasName(absl::string_view field, absl::string_view name) {
  const bool allowed = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '/' || c == '-';
  });
  if (allowed && !name.empty() && name.size() <= 128 && !IsHex64(name)) return absl::OkStatus();
  return InvalidField(field, Quoted(name),
                      "1 to 128 characters of [A-Za-z0-9._/-], not 64 hex digits");
}

absl::StatusOr<int> ToPageSize(int32_t page_size) {
  if (page_size == 0) return kDefaultPageSize;
  if (page_size >= 1 && page_size <= kMaxPageSize) return page_size;
  return InvalidField("page_size", absl::StrCat(page_size),
                      absl::StrCat("1 to ", kMaxPageSize, ", or 0 for ", kDefaultPageSize));
}

absl::StatusOr<FileMark> ToFileMark(int64_t size, int64_t most, const std::string& sha256) {
  if (size < 1 || size > most) {
    return InvalidField("header.size", absl::StrCat(size), absl::StrCat("1 to ", most, " bytes"));
  }
  if (!IsHex64(sha256)) {
    return InvalidField("header.sha256", Quoted(sha256), "the file's SHA-256 as 64 hex digits");
  }
  return FileMark{size, absl::AsciiStrToLower(sha256)};
}

absl::StatusOr<UploadHeader> ToUploadHeader(const v1::RegisterSignalHeader& header) {
  if (header.format() != "native") {
    return InvalidField("header.format", Quoted(header.format()), "'native'");
  }
  UploadHeader out;
  STEER_ASSIGN_OR_RETURN(out.file, ToFileMark(header.size(), kMaxUploadBytes, header.sha256()));
  if (!header.alias().empty()) {
    STEER_RETURN_IF_ERROR(CheckAliasName("header.alias", header.alias()));
  }
  STEER_RETURN_IF_ERROR(CheckDescription("header.description", header.description()));
  STEER_ASSIGN_OR_RETURN(out.labels, ToLabels("header.labels", header.labels()));
  out.description = header.description();
  out.alias = header.alias();
  return out;
}

}  // namespace steer
