#include "core/analysis/preference_utility_scorer.h"

#include <utility>

#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr double kConfidence = 0.95;
constexpr int kResamples = 2000;
constexpr uint64_t kSeed = 1;

ScoredPair ScoreOf(const std::vector<double>& positive, const std::vector<double>& negative) {
  const auto odds = [&](LossMode mode) {
    return ComputeOdds(AnswerLoss(positive, mode), AnswerLoss(negative, mode));
  };
  return {.sum = odds(LossMode::kSum),
          .mean = odds(LossMode::kMean),
          .positive_tokens = static_cast<int>(positive.size()),
          .negative_tokens = static_cast<int>(negative.size())};
}

OddsSummary SummaryOf(const std::vector<ScoredPair>& pairs, PairOdds ScoredPair::* mode) {
  std::vector<PairOdds> odds;
  odds.reserve(pairs.size());
  for (const ScoredPair& pair : pairs) odds.push_back(pair.*mode);
  return Summarise(odds);
}

}  // namespace

std::optional<PreferenceSlope> SlopeAtZero(const std::vector<ScorePoint>& points, LossMode mode) {
  const ScorePoint* low = nullptr;   // the largest multiplier <= 0
  const ScorePoint* high = nullptr;  // the smallest multiplier >= 0
  for (const ScorePoint& point : points) {
    if (point.multiplier < 0 && (low == nullptr || point.multiplier > low->multiplier))
      low = &point;
    if (point.multiplier > 0 && (high == nullptr || point.multiplier < high->multiplier))
      high = &point;
  }
  // Both sides give a central secant; 0 itself stands in for a side that is missing.
  for (const ScorePoint& point : points) {
    if (point.multiplier != 0) continue;
    if (low == nullptr) low = &point;
    if (high == nullptr) high = &point;
  }
  if (low == nullptr || high == nullptr || low->multiplier == high->multiplier ||
      low->pairs.empty()) {
    return std::nullopt;
  }
  const auto odds = mode == LossMode::kSum ? &ScoredPair::sum : &ScoredPair::mean;
  const double width = high->multiplier - low->multiplier;
  std::vector<double> slopes;
  slopes.reserve(low->pairs.size());
  double sum = 0;
  for (size_t i = 0; i < low->pairs.size(); ++i) {
    slopes.push_back(((high->pairs[i].*odds).preference - (low->pairs[i].*odds).preference) /
                     width);
    sum += slopes.back();
  }
  return PreferenceSlope{.low_multiplier = low->multiplier,
                         .high_multiplier = high->multiplier,
                         .slope = sum / static_cast<double>(slopes.size()),
                         .interval = BootstrapMean(slopes, kConfidence, kResamples, kSeed)};
}

absl::Status ScorePairs(Scorer& scorer, const std::vector<TokenPair>& pairs,
                        const std::vector<double>& multipliers,
                        const std::function<bool()>& cancelled,
                        const std::function<bool(ScorePoint)>& on_point) {
  std::vector<ForcedText> texts;
  texts.reserve(2 * pairs.size());
  for (const TokenPair& pair : pairs) {
    texts.push_back(pair.positive);
    texts.push_back(pair.negative);
  }
  for (const double multiplier : multipliers) {
    STEER_ASSIGN_OR_RETURN(const std::vector<std::vector<double>> log_probs,
                           scorer.LogProbs(texts, multiplier, cancelled));
    ScorePoint point;
    point.multiplier = multiplier;
    for (size_t i = 0; i < pairs.size(); ++i) {
      point.pairs.push_back(ScoreOf(log_probs[2 * i], log_probs[2 * i + 1]));
      point.pairs.back().prompt_is_prefix = pairs[i].prompt_is_prefix;
    }
    point.sum = SummaryOf(point.pairs, &ScoredPair::sum);
    point.mean = SummaryOf(point.pairs, &ScoredPair::mean);
    if (!on_point(std::move(point)))
      return absl::CancelledError("scoring was stopped by its reader");
  }
  return absl::OkStatus();
}

}  // namespace steer
