#include "core/schedule/sampling_params.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr size_t kMaxStops = 16;
constexpr size_t kMaxStopBytes = 256;
constexpr size_t kMaxStopTokens = 64;
constexpr size_t kMaxBiases = 1024;
constexpr double kMaxBias = 100.0;
constexpr int kMaxAlternatives = 20;

struct Range {
  absl::string_view field;
  double value;
  double low;
  double high;
  absl::string_view allowed;
  bool without_low = false;
};

// Written so that NaN fails.
absl::Status InRange(const Range& range) {
  const bool above = range.without_low ? range.value > range.low : range.value >= range.low;
  if (above && range.value <= range.high) return absl::OkStatus();
  return InvalidField(range.field, absl::StrCat(range.value), range.allowed);
}

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

absl::Status ValidateToken(absl::string_view field, TokenId token, int64_t vocabulary) {
  if (token >= 0 && token < vocabulary) return absl::OkStatus();
  return InvalidField(field, absl::StrCat("token id ", token),
                      absl::StrCat("token ids 0 to ", vocabulary - 1));
}

// How many tokens, and how many alternatives are told.
absl::Status ValidateCounts(const SamplingParams& params) {
  if (params.max_tokens < 1) {
    return InvalidField("sampling.max_tokens", absl::StrCat(params.max_tokens), "1 or more");
  }
  if (params.min_tokens < 0 || params.min_tokens > params.max_tokens) {
    return InvalidField("sampling.min_tokens", absl::StrCat(params.min_tokens),
                        absl::StrCat("0 to max_tokens = ", params.max_tokens));
  }
  if (params.top_k < 0) {
    return InvalidField("sampling.top_k", absl::StrCat(params.top_k), "0 (all) or more");
  }
  STEER_RETURN_IF_ERROR(
      InRange({"sampling.top_log_probs", static_cast<double>(params.top_log_probs), 0,
               kMaxAlternatives, "0 to 20"}));
  return InRange({"sampling.prompt_log_probs",
                  static_cast<double>(params.prompt_log_probs.value_or(0)), 0, kMaxAlternatives,
                  "0 to 20"});
}

absl::Status ValidateShape(const SamplingParams& params) {
  const Range ranges[] = {
      {"sampling.temperature", params.temperature, 0, 100, "0 (greedy) to 100"},
      {"sampling.top_p", params.top_p, 0, 1, "above 0, up to 1", /*without_low=*/true},
      {"sampling.min_p", params.min_p, 0, 1, "0 (off) to 1"},
      {"sampling.repetition_penalty", params.repetition_penalty, 0, 10, "above 0, up to 10",
       /*without_low=*/true},
      {"sampling.presence_penalty", params.presence_penalty, -2, 2, "-2 to 2"},
      {"sampling.frequency_penalty", params.frequency_penalty, -2, 2, "-2 to 2"},
  };
  for (const Range& range : ranges) STEER_RETURN_IF_ERROR(InRange(range));
  return absl::OkStatus();
}

absl::Status ValidateBias(const SamplingParams& params, int64_t vocabulary) {
  if (params.logit_bias.size() > kMaxBiases) {
    return InvalidField("sampling.logit_bias", absl::StrCat(params.logit_bias.size(), " tokens"),
                        absl::StrCat("at most ", kMaxBiases, " tokens"));
  }
  for (const auto& [token, bias] : params.logit_bias) {
    const std::string field = absl::StrCat("sampling.logit_bias[", token, "]");
    STEER_RETURN_IF_ERROR(ValidateToken(field, token, vocabulary));
    STEER_RETURN_IF_ERROR(InRange({field, bias, -kMaxBias, kMaxBias, "-100 to 100"}));
  }
  return absl::OkStatus();
}

absl::Status ValidateStops(const SamplingParams& params, int64_t vocabulary) {
  if (params.stop.size() > kMaxStops) {
    return InvalidField("sampling.stop", absl::StrCat(params.stop.size(), " strings"),
                        absl::StrCat("at most ", kMaxStops, " strings"));
  }
  for (size_t i = 0; i < params.stop.size(); ++i) {
    STEER_RETURN_IF_ERROR(ValidateStop(params.stop[i], i));
  }
  if (params.stop_tokens.size() > kMaxStopTokens) {
    return InvalidField("sampling.stop_token_ids",
                        absl::StrCat(params.stop_tokens.size(), " tokens"),
                        absl::StrCat("at most ", kMaxStopTokens, " tokens"));
  }
  for (size_t i = 0; i < params.stop_tokens.size(); ++i) {
    const std::string field = absl::StrCat("sampling.stop_token_ids[", i, "]");
    STEER_RETURN_IF_ERROR(ValidateToken(field, params.stop_tokens[i], vocabulary));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const SamplingParams& params, int64_t vocabulary) {
  STEER_RETURN_IF_ERROR(ValidateCounts(params));
  STEER_RETURN_IF_ERROR(ValidateShape(params));
  STEER_RETURN_IF_ERROR(ValidateBias(params, vocabulary));
  return ValidateStops(params, vocabulary);
}

}  // namespace steer
