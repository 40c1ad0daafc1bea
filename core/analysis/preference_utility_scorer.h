#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/odds.h"
#include "core/analysis/scorer.h"

namespace steer {

// A polar pair ready to be scored: both answers joined to the prompt and tokenised as a whole.
struct TokenPair {
  ForcedText positive;
  ForcedText negative;
  // False if joint tokenisation changed the prompt's own tokens (a merge across the boundary); the
  // pair is scored all the same, from the first token that is not shared with the prompt.
  bool prompt_is_prefix = true;
};

struct ScoredPair {
  PairOdds sum;
  PairOdds mean;
  int positive_tokens = 0;
  int negative_tokens = 0;
  bool prompt_is_prefix = true;  // as in TokenPair
};

// All pairs at one multiplier.
struct ScorePoint {
  double multiplier = 0;
  std::vector<ScoredPair> pairs;  // parallel to the input
  OddsSummary sum;
  OddsSummary mean;
};

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

// Scores `pairs` at each multiplier in turn and hands every finished point to `on_point`; false
// from it stops with CANCELLED. Blocks; no state.
absl::Status ScorePairs(Scorer& scorer, const std::vector<TokenPair>& pairs,
                        const std::vector<double>& multipliers,
                        const std::function<bool()>& cancelled,
                        const std::function<bool(ScorePoint)>& on_point);

}  // namespace steer
