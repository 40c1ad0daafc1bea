#include "client/steerctl/command_line.h"

#include <cmath>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr char kUsageUrl[] = "steerctl/usage";

absl::Status NotAControl(absl::string_view text) {
  return InvalidField("--signal", absl::StrCat("'", text, "'"),
                      "NAME, NAME=M or NAME=M1:M2 with finite numbers, e.g. rude=1.5");
}

bool ParseFinite(absl::string_view text, double* value) {
  return absl::SimpleAtod(text, value) && std::isfinite(*value);
}

}  // namespace

absl::StatusOr<v1::Control> ParseControl(absl::string_view text) {
  v1::Control control;
  const size_t equals = text.find('=');
  control.set_signal(std::string(text.substr(0, equals)));
  if (control.signal().empty()) return NotAControl(text);
  if (equals == absl::string_view::npos) return control;

  const absl::string_view numbers = text.substr(equals + 1);
  const size_t colon = numbers.find(':');
  double number = 0;
  if (!ParseFinite(numbers.substr(0, colon), &number)) return NotAControl(text);
  control.set_multiplier(number);
  if (colon == absl::string_view::npos) return control;
  if (!ParseFinite(numbers.substr(colon + 1), &number)) return NotAControl(text);
  control.set_bias_multiplier(number);
  return control;
}

absl::StatusOr<std::pair<int32_t, double>> ParseLogitBias(absl::string_view text) {
  const size_t equals = text.find('=');
  int32_t id = 0;
  double bias = 0;
  if (equals == absl::string_view::npos || !absl::SimpleAtoi(text.substr(0, equals), &id) ||
      !ParseFinite(text.substr(equals + 1), &bias)) {
    return InvalidField("--logit-bias", absl::StrCat("'", text, "'"),
                        "ID=B, a token's id and a finite number, e.g. 19556=-5");
  }
  return std::pair(id, bias);
}

absl::StatusOr<std::pair<std::string, std::string>> ParseLabel(absl::string_view text) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0) {
    return InvalidField("--label", absl::StrCat("'", text, "'"), "KEY=VALUE");
  }
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

std::string CheckText(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail) return std::string(status.message());
  return absl::StrCat("got ", detail->got, ", allowed: ", detail->allowed);
}

absl::Status UsageError(const absl::Status& status) {
  absl::Status marked = status;
  marked.SetPayload(kUsageUrl, absl::Cord("1"));
  return marked;
}

bool IsUsageError(const absl::Status& status) { return status.GetPayload(kUsageUrl).has_value(); }

}  // namespace steer
