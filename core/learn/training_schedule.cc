#include "core/learn/training_schedule.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/philox.h"
#include "core/base/status.h"
#include "core/signal/signal_data.h"

namespace steer {
namespace {

// What a random number is for.
enum class Purpose : uint32_t { kOrder = 0, kWinningFactor = 1, kLosingFactor = 2 };

// 0 .. count - 1.
int Draw(uint64_t seed, Purpose purpose, int64_t a, uint32_t b, int count) {
  const uint32_t word = Philox4x32(
      {static_cast<uint32_t>(a), static_cast<uint32_t>(a >> 32), static_cast<uint32_t>(purpose), b},
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)})[0];
  return static_cast<int>(uint64_t{word} * static_cast<uint64_t>(count) >> 32);
}

int Signs(PairUse use) { return use == PairUse::kBoth ? 2 : 1; }

}  // namespace

absl::Status Validate(const ScheduleParams& params) {
  if (params.batch < 1) return InvalidField("batch", absl::StrCat(params.batch), "at least 1");
  if (params.accumulation < 1)
    return InvalidField("accumulation", absl::StrCat(params.accumulation), "at least 1");
  if (params.factors.empty()) return InvalidField("factors", "none", "at least one");
  for (size_t i = 0; i < params.factors.size(); ++i) {
    if (params.factors[i] > 0 && params.factors[i] <= kMaxMultiplier) continue;
    return InvalidField(absl::StrCat("factors[", i, "]"), absl::StrCat(params.factors[i]),
                        absl::StrCat("above 0 and at most ", kMaxMultiplier));
  }
  return absl::OkStatus();
}

TrainingSchedule::TrainingSchedule(int pairs, ScheduleParams params)
    : rows_(pairs * Signs(params.use)), params_(std::move(params)) {}

int TrainingSchedule::StepsOf(double epochs) const {
  const double rows = std::ceil(epochs * rows_);
  return static_cast<int>(std::ceil(rows / (params_.batch * params_.accumulation)));
}

// Fisher and Yates.
std::vector<int> TrainingSchedule::Order(int64_t epoch) const {
  std::vector<int> order(rows_);
  std::iota(order.begin(), order.end(), 0);
  for (int i = rows_ - 1; i > 0; --i)
    std::swap(order[i],
              order[Draw(params_.seed, Purpose::kOrder, epoch, static_cast<uint32_t>(i), i + 1)]);
  return order;
}

double TrainingSchedule::Factor(int64_t row, bool winning) const {
  const auto purpose = winning ? Purpose::kWinningFactor : Purpose::kLosingFactor;
  return params_
      .factors[Draw(params_.seed, purpose, row, 0, static_cast<int>(params_.factors.size()))];
}

TrainingStep TrainingSchedule::At(int step) const {
  TrainingStep result(params_.accumulation);
  int64_t row = int64_t{step} * params_.accumulation * params_.batch;
  int64_t epoch = -1;
  std::vector<int> order;
  for (Minibatch& minibatch : result) {
    for (int i = 0; i < params_.batch; ++i, ++row) {
      if (row / rows_ != epoch) {
        epoch = row / rows_;
        order = Order(epoch);
      }
      const int place = order[row % rows_], signs = Signs(params_.use);
      const bool negative = params_.use == PairUse::kSubtract ||
                            (params_.use == PairUse::kBoth && place % signs == 1);
      const int sign = negative ? -1 : 1;
      minibatch.push_back({place / signs, sign, sign * Factor(row, /*winning=*/true),
                           sign * Factor(row, /*winning=*/false)});
    }
  }
  return result;
}

}  // namespace steer
