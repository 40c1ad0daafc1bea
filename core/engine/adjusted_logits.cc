#include "core/engine/adjusted_logits.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace steer {
namespace {

// What is impossible or no number stays so, and what is possible stays possible, however far out.
template <typename Change>
void Adjust(float& logit, Change change) {
  if (!std::isfinite(logit)) return;
  constexpr double kGreatest = std::numeric_limits<float>::max();
  logit = static_cast<float>(std::clamp(change(double{logit}), -kGreatest, kGreatest));
}

// From the untouched row, so that a token that came twice is penalised once.
void PenaliseRepetition(std::span<const float> logits, std::span<const TokenId> tokens,
                        double penalty, std::vector<float>& row) {
  for (const TokenId token : tokens) {
    float logit = logits[token];
    Adjust(logit, [penalty](double z) { return z > 0 ? z / penalty : z * penalty; });
    row[token] = logit;
  }
}

void PenaliseOutput(std::span<const TokenId> output, const SamplingParams& params,
                    std::vector<float>& row) {
  absl::flat_hash_map<TokenId, int> counts;
  for (const TokenId token : output) ++counts[token];
  for (const auto& [token, count] : counts) {
    const double penalty = params.presence_penalty + params.frequency_penalty * count;
    Adjust(row[token], [penalty](double z) { return z - penalty; });
  }
}

std::vector<TokenId> Banned(const SamplingParams& params, const TokenHistory& history) {
  if (static_cast<int64_t>(history.output.size()) >= params.min_tokens) return {};
  std::vector<TokenId> banned = params.stop_tokens;
  if (!params.ignore_eos) {
    banned.insert(banned.end(), history.end_tokens.begin(), history.end_tokens.end());
  }
  return banned;
}

void Ban(const std::vector<TokenId>& banned, std::vector<float>& row) {
  std::vector<float> before;
  before.reserve(banned.size());
  for (const TokenId token : banned) {
    before.push_back(std::exchange(row[token], -std::numeric_limits<float>::infinity()));
  }
  if (std::any_of(row.begin(), row.end(), [](float logit) { return std::isfinite(logit); })) return;
  // Backwards, because a token may be named twice.
  for (size_t i = banned.size(); i > 0; --i) row[banned[i - 1]] = before[i - 1];
}

}  // namespace

std::optional<std::vector<float>> AdjustedLogits(std::span<const float> logits,
                                                 const SamplingParams& params,
                                                 const TokenHistory& history) {
  const bool repetition = params.repetition_penalty != 1;
  const bool output =
      !history.output.empty() && (params.presence_penalty != 0 || params.frequency_penalty != 0);
  const std::vector<TokenId> banned = Banned(params, history);
  if (!repetition && !output && params.logit_bias.empty() && banned.empty()) return std::nullopt;

  std::vector<float> row(logits.begin(), logits.end());
  if (repetition) {
    PenaliseRepetition(logits, history.prompt, params.repetition_penalty, row);
    PenaliseRepetition(logits, history.output, params.repetition_penalty, row);
  }
  if (output) PenaliseOutput(history.output, params, row);
  for (const auto& [token, bias] : params.logit_bias) {
    Adjust(row[token], [bias = bias](double z) { return z + bias; });
  }
  if (!banned.empty()) Ban(banned, row);
  return row;
}

}  // namespace steer
