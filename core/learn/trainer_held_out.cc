// How Trainer judges what it has learnt on pairs that it does not learn from.

#include <numeric>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/analysis/odds.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/learn/trainer.h"

namespace steer {

Minibatch Trainer::HeldOutRows() const {
  const ScheduleParams& schedule = params_.schedule;
  const double factor = std::reduce(schedule.factors.begin(), schedule.factors.end()) /
                        static_cast<double>(schedule.factors.size());
  Minibatch rows;
  for (size_t pair = pairs_.size() - held_out_; pair < pairs_.size(); ++pair) {
    for (const int sign : {1, -1}) {
      if (schedule.use == (sign > 0 ? PairUse::kSubtract : PairUse::kAdd)) continue;
      // A clamp has the one target.
      if (Interchanges(params_.objective) && schedule.use == PairUse::kBoth && sign < 0) continue;
      rows.push_back({static_cast<int>(pair), sign, sign * factor, sign * factor});
    }
  }
  return rows;
}

absl::StatusOr<HeldOutReport> Trainer::Judge() {
  const Minibatch held_out = HeldOutRows();
  if (held_out.empty()) return InvalidField("held_out", "no pairs", "at least one");
  STEER_RETURN_IF_ERROR(Prepare({held_out}, /*losing=*/true));
  const std::vector<Row> rows = Steer(held_out, /*losing=*/true);
  std::vector<PairLogProbs> parts;
  for (const std::span<const Row>& unit : Units(rows)) {
    STEER_RETURN_IF_ERROR(RunUnit(
        /*gradients=*/false, [&] { parts.push_back(Forward(unit, /*learning=*/false)); }));
  }
  HeldOutReport report = {.step = steps_done_};
  std::vector<PairOdds> odds;
  STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/false, [&] {
    const PairLogProbs all = Join(parts);
    report.loss = Loss(params_.objective, all).item<double>();
    const auto means = [](const at::Tensor& log_probs, const at::Tensor& tokens) {
      return (-(log_probs / tokens)).to(at::kCPU, at::kDouble).contiguous();  // [rows]
    };
    const at::Tensor winning = means(all.winning, all.winning_tokens);
    const at::Tensor losing = means(all.losing, all.losing_tokens);
    for (int64_t i = 0; i < winning.numel(); ++i)
      odds.push_back(ComputeOdds(winning.data_ptr<double>()[i], losing.data_ptr<double>()[i]));
  }));
  const OddsSummary summary = Summarise(odds);
  report.preference = summary.preference;
  report.utility = summary.utility;
  Forget();
  return report;
}

void Trainer::KeepBest() {
  best_.clear();
  for (const at::Tensor& parameter : carrier_.parameters())
    best_.push_back(parameter.detach().clone());
}

void Trainer::TakeBest() {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < best_.size(); ++i) {
    at::Tensor parameter = carrier_.parameters()[i];
    parameter.copy_(best_[i]);
  }
}

}  // namespace steer
