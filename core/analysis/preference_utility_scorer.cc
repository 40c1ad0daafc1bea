#include "core/analysis/preference_utility_scorer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr double kConfidence = 0.95;
constexpr int kResamples = 2000;
constexpr uint64_t kSeed = 1;

// What every control is multiplied by at one point.
struct Dose {
  Strength strength;
  double multiplier = 0;
  double second_multiplier = 0;
};

bool IsPlain(const Dose& dose) { return dose.multiplier == 0 && dose.second_multiplier == 0; }

// So many doses of a pair are fanned out at once.
constexpr size_t kAtOnce = 32;

// An answer's losses at one strength.
struct AnswerLosses {
  double sum = 0;
  double mean = 0;
  int tokens = 0;  // of the spelling that `mean` has
};

// The spelling with the greatest probability.
size_t Likeliest(std::span<const ForcedLogProbs> spellings) {
  const auto less = [](const ForcedLogProbs& a, const ForcedLogProbs& b) {
    return AnswerLoss(a, LossMode::kSum) > AnswerLoss(b, LossMode::kSum);
  };
  return std::max_element(spellings.begin(), spellings.end(), less) - spellings.begin();
}

// L_sum = -log(sum over spellings of P), L_mean = -(mean log-probability of `chosen`)
AnswerLosses LossesOf(std::span<const ForcedLogProbs> spellings, size_t chosen) {
  AnswerLosses losses;
  losses.sum = AnswerLoss(spellings.front(), LossMode::kSum);
  for (const ForcedLogProbs& spelling : spellings.subspan(1))
    losses.sum = AddedLosses(losses.sum, AnswerLoss(spelling, LossMode::kSum));
  losses.mean = AnswerLoss(spellings[chosen], LossMode::kMean);
  losses.tokens = static_cast<int>(spellings[chosen].size());
  return losses;
}

ForcedGroup GroupOf(const TokenPair& pair) {
  ForcedGroup group = pair.positive;
  group.insert(group.end(), pair.negative.begin(), pair.negative.end());
  return group;
}

// One pair at every strength: log_probs[strength][text of GroupOf(pair)], of which the one numbered
// `plain` is the plain model's.
std::vector<ScoredPair> ScoreOf(const TokenPair& pair, const GroupLogProbs& log_probs,
                                size_t plain) {
  const size_t positives = pair.positive.size();
  const auto split = [&](size_t strength) {
    const std::span<const ForcedLogProbs> all(log_probs[strength]);
    return std::pair(all.first(positives), all.subspan(positives));
  };
  const auto [plain_positive, plain_negative] = split(plain);
  const size_t positive_spelling = Likeliest(plain_positive);
  const size_t negative_spelling = Likeliest(plain_negative);
  std::vector<ScoredPair> scored;
  for (size_t strength = 0; strength < log_probs.size(); ++strength) {
    const auto [positive, negative] = split(strength);
    const AnswerLosses p = LossesOf(positive, positive_spelling);
    const AnswerLosses n = LossesOf(negative, negative_spelling);
    scored.push_back({.sum = ComputeOdds(p.sum, n.sum),
                      .mean = ComputeOdds(p.mean, n.mean),
                      .positive_tokens = p.tokens,
                      .negative_tokens = n.tokens,
                      .positive_respelt = positive_spelling != 0,
                      .negative_respelt = negative_spelling != 0,
                      .prompt_is_prefix = pair.prompt_is_prefix});
  }
  return scored;
}

OddsSummary SummaryOf(const std::vector<ScoredPair>& pairs, PairOdds ScoredPair::* mode) {
  std::vector<PairOdds> odds;
  odds.reserve(pairs.size());
  for (const ScoredPair& pair : pairs) odds.push_back(pair.*mode);
  return Summarise(odds);
}

}  // namespace

ScorePoint MakeScorePoint(double multiplier, std::vector<ScoredPair> pairs) {
  ScorePoint point;
  point.multiplier = multiplier;
  point.sum = SummaryOf(pairs, &ScoredPair::sum);
  point.mean = SummaryOf(pairs, &ScoredPair::mean);
  point.pairs = std::move(pairs);
  return point;
}

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

namespace {

absl::Status CheckFinite(const ScorePoint& point) {
  for (size_t i = 0; i < point.pairs.size(); ++i) {
    const PairOdds& odds = point.pairs[i].sum;
    if (std::isfinite(odds.positive_loss) && std::isfinite(odds.negative_loss)) continue;
    return FieldError(absl::StatusCode::kOutOfRange,
                      {"NOT_FINITE", "multipliers",
                       absl::StrCat(point.multiplier, ", at which an answer of pairs[", i,
                                    "] has no probability"),
                       "multipliers at which the model still computes finite numbers"});
  }
  return absl::OkStatus();
}

// All pairs at some doses.
absl::StatusOr<std::vector<ScorePoint>> ScoreSome(Scorer& scorer,
                                                  const std::vector<TokenPair>& pairs,
                                                  std::span<const Dose> doses,
                                                  const std::function<bool()>& cancelled,
                                                  const std::function<void()>& on_pair) {
  std::vector<Strength> strengths;
  for (const Dose& dose : doses) strengths.push_back(dose.strength);
  // The plain model's number among the strengths.
  const size_t plain = std::find_if(doses.begin(), doses.end(), IsPlain) - doses.begin();
  const bool spelt = std::any_of(pairs.begin(), pairs.end(), [](const TokenPair& pair) {
    return pair.positive.size() > 1 || pair.negative.size() > 1;
  });
  // Spellings are chosen in the plain model. With one of each there is nothing to choose.
  if (plain == doses.size() && spelt) strengths.emplace_back(scorer.controls(), 0);
  std::vector<ForcedGroup> groups;
  groups.reserve(pairs.size());
  for (const TokenPair& pair : pairs) groups.push_back(GroupOf(pair));
  std::vector<std::vector<ScoredPair>> scores(doses.size(), std::vector<ScoredPair>(pairs.size()));
  STEER_RETURN_IF_ERROR(
      scorer.Score(groups, strengths, cancelled, [&](size_t group, const GroupLogProbs& log_probs) {
        const std::vector<ScoredPair> scored =
            ScoreOf(pairs[group], log_probs, plain < log_probs.size() ? plain : 0);
        for (size_t i = 0; i < scores.size(); ++i) scores[i][group] = scored[i];
        on_pair();
      }));
  std::vector<ScorePoint> points;
  points.reserve(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    points.push_back(MakeScorePoint(doses[i].multiplier, std::move(scores[i])));
    points.back().second_multiplier = doses[i].second_multiplier;
  }
  return points;
}

absl::Status ScoreDoses(Scorer& scorer, const std::vector<TokenPair>& pairs,
                        std::span<const Dose> all, const std::function<bool()>& cancelled,
                        const ScoreListener& listener) {
  const auto total = static_cast<int64_t>(pairs.size() * all.size());
  int64_t done = 0;
  // Set under the scorer's own order of calls, read by its threads.
  std::atomic<bool> stopped = false;
  const auto stop = [&] { return stopped || cancelled(); };
  for (size_t begin = 0; begin < all.size(); begin += kAtOnce) {
    const std::span<const Dose> some = all.subspan(begin, std::min(kAtOnce, all.size() - begin));
    STEER_ASSIGN_OR_RETURN(std::vector<ScorePoint> points,
                           ScoreSome(scorer, pairs, some, stop, [&] {
                             done += static_cast<int64_t>(some.size());
                             if (listener.on_progress && !listener.on_progress(done, total))
                               stopped = true;
                           }));
    for (ScorePoint& point : points) {
      STEER_RETURN_IF_ERROR(CheckFinite(point));
      if (!listener.on_point(std::move(point)))
        return absl::CancelledError("scoring was stopped by its reader");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ScorePairs(Scorer& scorer, const std::vector<TokenPair>& pairs,
                        const std::vector<double>& multipliers,
                        const std::function<bool()>& cancelled, const ScoreListener& listener) {
  std::vector<Dose> doses;
  doses.reserve(multipliers.size());
  for (const double multiplier : multipliers)
    doses.push_back({Strength(scorer.controls(), multiplier), multiplier});
  return ScoreDoses(scorer, pairs, doses, cancelled, listener);
}

absl::Status ScorePairsJointly(Scorer& scorer, const std::vector<TokenPair>& pairs,
                               const std::vector<double>& first, const std::vector<double>& second,
                               const std::function<bool()>& cancelled,
                               const ScoreListener& listener) {
  std::vector<Dose> doses;
  doses.reserve(first.size() * second.size());
  for (const double a : first) {
    for (const double b : second) doses.push_back({{a, b}, a, b});
  }
  return ScoreDoses(scorer, pairs, doses, cancelled, listener);
}

}  // namespace steer
