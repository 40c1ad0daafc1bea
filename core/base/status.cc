#include "core/base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

constexpr char kDetailUrl[] = "steer/error-detail";
constexpr char kRetryUrl[] = "steer/retry-delay-ms";

}  // namespace

absl::Status FieldError(absl::StatusCode code, ErrorDetail detail) {
  absl::Status status(
      code, absl::StrCat(detail.field, ": got ", detail.got, ", allowed: ", detail.allowed));
  const nlohmann::json json = {{"reason", detail.reason},
                               {"field", detail.field},
                               {"got", detail.got},
                               {"allowed", detail.allowed}};
  // `replace`: what came may be any bytes, the detail must stay valid UTF-8.
  status.SetPayload(
      kDetailUrl, absl::Cord(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  return status;
}

absl::Status InvalidField(absl::string_view field, absl::string_view got,
                          absl::string_view allowed) {
  return FieldError(absl::StatusCode::kInvalidArgument,
                    {"INVALID_FIELD", std::string(field), std::string(got), std::string(allowed)});
}

absl::Status NotFound(absl::string_view field, absl::string_view kind, absl::string_view got) {
  return FieldError(absl::StatusCode::kNotFound,
                    {"NOT_FOUND", std::string(field), absl::StrCat("'", got, "'"),
                     absl::StrCat("the name or id of an existing ", kind)});
}

std::optional<ErrorDetail> DetailOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kDetailUrl);
  if (!payload) return std::nullopt;
  const nlohmann::json json =
      nlohmann::json::parse(std::string(*payload), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  return ErrorDetail{json.value("reason", ""), json.value("field", ""), json.value("got", ""),
                     json.value("allowed", "")};
}

void SetRetryDelayMs(absl::Status& status, int64_t milliseconds) {
  status.SetPayload(kRetryUrl, absl::Cord(absl::StrCat(milliseconds)));
}

std::optional<int64_t> RetryDelayMs(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryUrl);
  int64_t milliseconds = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &milliseconds)) return std::nullopt;
  return milliseconds;
}

absl::Status Within(absl::string_view path, const absl::Status& status) {
  std::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail) return status;
  detail->field = absl::StrCat(path, ".", detail->field);
  return FieldError(status.code(), *std::move(detail));
}

absl::Status Annotate(const absl::Status& status, absl::string_view where) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(where, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace steer
