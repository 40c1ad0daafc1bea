#include "core/analysis/odds.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "core/base/check.h"

namespace steer {

double AnswerLoss(std::span<const double> log_probs, LossMode mode) {
  STEER_CHECK(!log_probs.empty());
  const double sum = std::accumulate(log_probs.begin(), log_probs.end(), 0.0);
  return mode == LossMode::kSum ? -sum : -sum / static_cast<double>(log_probs.size());
}

double AddedLosses(double a, double b) {
  const double least = std::min(a, b);
  if (std::isinf(least)) return least;
  return least - std::log1p(std::exp(-std::abs(a - b)));
}

PairOdds ComputeOdds(double positive_loss, double negative_loss) {
  PairOdds odds;
  odds.positive_loss = positive_loss;
  odds.negative_loss = negative_loss;
  odds.preference = negative_loss - positive_loss;
  // a = log(exp(-L_p) + exp(-L_n)) without leaving the range of a double.
  const double best = -std::min(positive_loss, negative_loss);
  const double a = best + std::log1p(std::exp(-std::abs(odds.preference)));
  // log(1 - exp(a)), by whichever form keeps its digits.
  if (a < 0) {
    const double rest =
        a > -0.69314718055994531 ? std::log(-std::expm1(a)) : std::log1p(-std::exp(a));
    odds.utility = a - rest;
  }
  return odds;
}

OddsSummary Summarise(std::span<const PairOdds> pairs) {
  OddsSummary summary;
  summary.pairs = static_cast<int>(pairs.size());
  if (pairs.empty()) return summary;
  double preference = 0;
  double utility = 0;
  int positive = 0;
  for (const PairOdds& odds : pairs) {
    preference += odds.preference;
    positive += odds.preference > 0 ? 1 : 0;
    if (!odds.utility) continue;
    utility += *odds.utility;
    ++summary.utility_valid;
  }
  summary.preference = preference / summary.pairs;
  summary.preference_positive_rate = static_cast<double>(positive) / summary.pairs;
  if (summary.utility_valid > 0) summary.utility = utility / summary.utility_valid;
  return summary;
}

Interval BootstrapMean(std::span<const double> values, double confidence, int resamples,
                       uint64_t seed) {
  STEER_CHECK(!values.empty() && resamples > 0);
  std::mt19937_64 random(seed);
  std::vector<double> means(resamples);
  for (double& mean : means) {
    double sum = 0;
    // The remainder's bias is below 2^-40 for any list that fits in memory, and unlike the standard
    // library's distributions it is the same with every compiler.
    for (size_t i = 0; i < values.size(); ++i) sum += values[random() % values.size()];
    mean = sum / static_cast<double>(values.size());
  }
  std::sort(means.begin(), means.end());
  const double tail = (1 - confidence) / 2;
  const auto at = [&](double quantile) {
    return means[static_cast<size_t>(std::lround(quantile * static_cast<double>(resamples - 1)))];
  };
  return {.low = at(tail), .high = at(1 - tail)};
}

}  // namespace steer
