#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace steer {

// How the log-probabilities of an answer's tokens become its loss L: their sum, or their mean per
// token (paper 2.2).
enum class LossMode { kSum, kMean };

// L = -(sum or mean) of log_probs. Needs at least one token.
double AnswerLoss(std::span<const double> log_probs, LossMode mode);

// -log(e^-a + e^-b): the loss of an answer that may be given in either of two spellings.
double AddedLosses(double a, double b);

// Preference and utility log-odds of a polar pair (paper 2.1), in fp64:
//   PrefOdds = L_n - L_p
//   UtilOdds = a - log(1 - exp(a)),  a = log(exp(-L_p) + exp(-L_n)),  defined for a < 0 only
struct PairOdds {
  double positive_loss = 0;  // L_p
  double negative_loss = 0;  // L_n
  double preference = 0;
  std::optional<double> utility;  // nullopt where the two masses sum to 1 or more; never clamped
};
PairOdds ComputeOdds(double positive_loss, double negative_loss);

// Mean over pairs. `utility` averages only the pairs where it is defined; the others are counted.
struct OddsSummary {
  int pairs = 0;
  int utility_valid = 0;
  double preference = 0;
  std::optional<double> utility;
  double preference_positive_rate = 0;  // share of pairs with PrefOdds > 0
};
OddsSummary Summarise(std::span<const PairOdds> pairs);

struct Interval {
  double low = 0;
  double high = 0;
};

// Percentile bootstrap of the mean of `values` over `resamples` resamples with the given seed.
// Needs at least one value.
Interval BootstrapMean(std::span<const double> values, double confidence, int resamples,
                       uint64_t seed);

}  // namespace steer
