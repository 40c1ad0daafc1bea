#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/odds.h"
#include "core/analysis/scorer.h"

namespace steer {

// A polar pair ready to be scored: answers joined to the prompt and tokenised as a whole, each in
// one or two spellings, the given one first. The other has or lacks a space before the answer:
// which of the two a model writes is the tokenizer's matter, not the concept's.
struct TokenPair {
  std::vector<ForcedText> positive;
  std::vector<ForcedText> negative;
  // False if joint tokenisation changed the prompt's own tokens (a merge across the boundary); the
  // pair is scored all the same, from the first token that is not shared with the prompt.
  bool prompt_is_prefix = true;
};

// Of the spellings of an answer, SUM adds the probabilities, and MEAN has, at every strength, the
// one that is likelier as a whole in the plain model.
struct ScoredPair {
  PairOdds sum;
  PairOdds mean;
  int positive_tokens = 0;  // of the spelling that MEAN has
  int negative_tokens = 0;
  bool positive_respelt = false;  // MEAN has the spelling that was not given
  bool negative_respelt = false;
  bool prompt_is_prefix = true;  // as in TokenPair
};

// All pairs at one multiplier, or at one multiplier of each of two controls.
struct ScorePoint {
  double multiplier = 0;
  double second_multiplier = 0;   // of the second of two controls that are swept together
  std::vector<ScoredPair> pairs;  // parallel to the input
  OddsSummary sum;
  OddsSummary mean;
};

// With the summaries over `pairs`.
ScorePoint MakeScorePoint(double multiplier, std::vector<ScoredPair> pairs);

// The change of preference per unit of multiplier at m = 0: for each pair the secant between the
// nearest multipliers on both sides of 0 (0 itself stands in for a missing side), then the mean
// over pairs with its bootstrap interval.
struct PreferenceSlope {
  double low_multiplier = 0;
  double high_multiplier = 0;
  double slope = 0;
  Interval interval;  // 95 %, 2000 resamples, seed 1
};

// nullopt unless at least one multiplier lies on each side of 0 (or is 0) and two differ.
std::optional<PreferenceSlope> SlopeAtZero(const std::vector<ScorePoint>& points, LossMode mode);

// Who listens to ScorePairs; calls come one at a time, on whatever thread. False from either stops
// with CANCELLED.
struct ScoreListener {
  std::function<bool(ScorePoint)> on_point;  // in the order of the multipliers
  // After each pair at some of the multipliers: how many (pair, multiplier) are done of how many.
  std::function<bool(int64_t done, int64_t total)> on_progress;  // may be null
};

// Scores `pairs` with all controls at each multiplier, 32 multipliers at a time: a pair's prompt is
// computed once for them all where that is the same. `cancelled` is polled. OUT_OF_RANGE names the
// multiplier at which an answer's probability is not a number. Blocks; no state.
absl::Status ScorePairs(Scorer& scorer, const std::vector<TokenPair>& pairs,
                        const std::vector<double>& multipliers,
                        const std::function<bool()>& cancelled, const ScoreListener& listener);

// The same of a scorer of two controls at every multiplier `first` of the one with every multiplier
// `second` of the other, the second changing faster.
absl::Status ScorePairsJointly(Scorer& scorer, const std::vector<TokenPair>& pairs,
                               const std::vector<double>& first, const std::vector<double>& second,
                               const std::function<bool()>& cancelled,
                               const ScoreListener& listener);

}  // namespace steer
