#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace steer {

// Which answer of a pair a run makes win: the positive one, at positive factors; the negative one,
// at negative factors; or each in turn, so that the signal learns both directions.
enum class PairUse : uint8_t { kAdd, kSubtract, kBoth };

struct ScheduleParams {
  int batch = 4;         // pairs of a minibatch
  int accumulation = 1;  // minibatches of a step
  PairUse use = PairUse::kBoth;
  // How strongly an answer is steered while the signal learns: drawn for each answer apart.
  std::vector<double> factors = {1.0};
  uint64_t seed = 42;
};

// INVALID_ARGUMENT, naming the field. Factors are above 0 and at most kMaxMultiplier.
absl::Status Validate(const ScheduleParams& params);

// One pair in a minibatch. Factors have their sign.
struct TrainingRow {
  int pair = 0;
  int sign = 1;  // 1: the positive answer wins
  double winning_factor = 0;
  double losing_factor = 0;
  bool negative() const { return sign < 0; }
};
using Minibatch = std::vector<TrainingRow>;
using TrainingStep = std::vector<Minibatch>;

// What chance decides about the order of a run: every pair, with every sign it is used with, comes
// once in each epoch, in an order of its own; minibatches go on across epochs. A pure function of
// the seed and the step, so a run that was interrupted goes on as if it had not been. A value.
class TrainingSchedule {
 public:
  // `pairs`: at least 1. `params` are valid.
  TrainingSchedule(int pairs, ScheduleParams params);

  int rows_per_epoch() const { return rows_; }
  // Of so many epochs, rounded up to whole steps.
  int StepsOf(double epochs) const;
  TrainingStep At(int step) const;

 private:
  std::vector<int> Order(int64_t epoch) const;
  double Factor(int64_t row, bool winning) const;

  int rows_;
  ScheduleParams params_;
};

}  // namespace steer
