#include "core/schedule/sampling_params.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {
namespace {

constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopBytes = 256;
constexpr double kMaxTemperature = 100.0;

absl::Status ValidateStop(const std::string& stop, size_t index) {
  const std::string field = absl::StrCat("sampling.stop[", index, "]");
  if (stop.empty() || stop.size() > kMaxStopBytes) {
    return InvalidField(field, absl::StrCat(stop.size(), " bytes"),
                        absl::StrCat("1 to ", kMaxStopBytes, " bytes"));
  }
  // Text is cut where a stop string begins, so that has to be where a character begins.
  if ((static_cast<unsigned char>(stop[0]) & 0xC0U) == 0x80U) {
    return InvalidField(field, "bytes that begin inside a character", "valid UTF-8");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const SamplingParams& params, int64_t /*vocabulary*/) {
  if (params.max_tokens < 1) {
    return InvalidField("sampling.max_tokens", absl::StrCat(params.max_tokens), "1 or more");
  }
  // Written so that NaN fails.
  if (!(params.temperature >= 0 && params.temperature <= kMaxTemperature)) {
    return InvalidField("sampling.temperature", absl::StrCat(params.temperature),
                        "0 (greedy) to 100");
  }
  if (params.top_k < 0) {
    return InvalidField("sampling.top_k", absl::StrCat(params.top_k), "0 (all) or more");
  }
  if (!(params.top_p > 0 && params.top_p <= 1)) {
    return InvalidField("sampling.top_p", absl::StrCat(params.top_p), "above 0, up to 1");
  }
  if (params.stop.size() > kMaxStops) {
    return InvalidField("sampling.stop", absl::StrCat(params.stop.size(), " strings"),
                        absl::StrCat("at most ", kMaxStops, " strings"));
  }
  for (size_t i = 0; i < params.stop.size(); ++i) {
    const absl::Status status = ValidateStop(params.stop[i], i);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace steer
