#include "core/learn/trainer.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// What is prepared is kept up to this; the rest is computed again for every step that needs it.
constexpr int64_t kMostKeptBytes = int64_t{512} << 20;

int64_t BytesOf(const PreparedAnswer& answer) {
  const size_t top = answer.plain_top.defined() ? answer.plain_top.nbytes() : 0;
  return static_cast<int64_t>(answer.entering.nbytes() + top);
}

PlainAnswer PlainOf(const Objective& objective) {
  if (Interchanges(objective)) return PlainAnswer::kTop;
  return NeedsReference(objective) ? PlainAnswer::kLogProb : PlainAnswer::kNothing;
}

}  // namespace

// What the minibatches of a step add up to, of answers that win and of those that lose.
struct Trainer::Sums {
  double loss = 0;
  double winning = 0, losing = 0;  // log-probabilities
  double winning_tokens = 0, losing_tokens = 0;

  void Add(const PairLogProbs& pairs) {
    winning += pairs.winning.sum().item<double>();
    winning_tokens += pairs.winning_tokens.sum().item<double>();
    if (!pairs.losing.defined()) return;
    losing += pairs.losing.sum().item<double>();
    losing_tokens += pairs.losing_tokens.sum().item<double>();
  }
};

Trainer::Trainer(Parts parts, Carrier carrier, std::vector<ContrastPair> pairs, size_t held_out,
                 TrainingParams params)
    : parts_(std::move(parts)),
      carrier_(std::move(carrier)),
      pairs_(std::move(pairs)),
      held_out_(held_out),
      params_(std::move(params)),
      schedule_(static_cast<int>(pairs_.size() - held_out_), params_.schedule),
      pass_(parts_.decoder, carrier_.first_layer(), params_.positions, PlainOf(params_.objective)),
      answers_(pairs_.size()),
      optimizer_(carrier_.parameters(), params_) {}

Trainer::~Trainer() = default;

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(Parts parts, Carrier carrier,
                                                         std::vector<ContrastPair> pairs,
                                                         TrainingParams params,
                                                         std::vector<ContrastPair> held_out) {
  STEER_RETURN_IF_ERROR(Validate(params));
  if (pairs.empty()) return InvalidField("pairs", "none", "at least one");
  STEER_RETURN_IF_ERROR(CheckTrainable(carrier.spec(), params));
  if (Interchanges(params.objective)) {
    STEER_RETURN_IF_ERROR(CheckElsewhere(pairs));
    STEER_RETURN_IF_ERROR(Within("held_out", CheckElsewhere(held_out)));
  }
  const size_t others = held_out.size();
  std::move(held_out.begin(), held_out.end(), std::back_inserter(pairs));
  STEER_ASSIGN_OR_RETURN(
      std::unique_ptr<Trainer> trainer,
      CatchTorch("training", [&]() -> absl::StatusOr<std::unique_ptr<Trainer>> {
        return std::unique_ptr<Trainer>(new Trainer(std::move(parts), std::move(carrier),
                                                    std::move(pairs), others, std::move(params)));
      }));
  STEER_RETURN_IF_ERROR(trainer->FindTarget());
  return trainer;
}

absl::StatusOr<StepReport> Trainer::Step() { return Step(schedule_.At(steps_done_)); }

absl::StatusOr<StepReport> Trainer::Step(const TrainingStep& step) {
  const bool losing = NeedsLosing(params_.objective);
  STEER_RETURN_IF_ERROR(Prepare(step, losing));
  StepReport report = {.step = steps_done_ + 1,
                       .learning_rate = optimizer_.LearningRate(steps_done_)};
  Sums sums;
  for (const Minibatch& minibatch : step) {
    const std::vector<Row> rows = Steer(minibatch, losing);
    for (const Row& row : rows) {
      for (const SteeredAnswer* answer : {&row.winning, &row.losing})
        if (answer->answer != nullptr)
          report.tokens += static_cast<int64_t>(answer->answer->text.tokens.size());
    }
    STEER_RETURN_IF_ERROR(Minimise(rows, 1.0 / static_cast<double>(step.size()), sums));
  }
  STEER_RETURN_IF_ERROR(parts_.run_unit([&] {
    return CatchTorch("training", [&] {
      report.gradient_norm = optimizer_.Step(report.learning_rate);
      if (params_.orthogonal) carrier_.Separate();
      return absl::OkStatus();
    });
  }));
  if (!std::isfinite(sums.loss) || !std::isfinite(report.gradient_norm)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "step ", report.step, " has a loss of ", sums.loss, " and a gradient of ",
        report.gradient_norm, ": the run has diverged; a lower learning_rate may help"));
  }
  report.loss = sums.loss;
  report.winning_loss = -sums.winning / sums.winning_tokens;
  if (sums.losing_tokens > 0) report.losing_loss = -sums.losing / sums.losing_tokens;
  ++steps_done_;
  Forget();
  return report;
}

absl::Status Trainer::Prepare(const ForcedText& text, std::optional<PreparedAnswer>& answer) {
  if (answer) return absl::OkStatus();
  STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/false, [&] { answer = pass_.Prepare(text); }));
  kept_bytes_ += BytesOf(*answer);
  fresh_.push_back(&answer);
  return absl::OkStatus();
}

absl::Status Trainer::Prepare(const TrainingStep& step, bool losing) {
  const bool elsewhere = Interchanges(params_.objective);
  for (const Minibatch& minibatch : step) {
    for (const TrainingRow& row : minibatch) {
      const ContrastPair& pair = pairs_[row.pair];
      auto& [positive, negative, positive_elsewhere, negative_elsewhere] = answers_[row.pair];
      if (losing || !row.negative()) STEER_RETURN_IF_ERROR(Prepare(pair.positive, positive));
      if (losing || row.negative()) STEER_RETURN_IF_ERROR(Prepare(pair.negative, negative));
      if (!elsewhere) continue;
      STEER_RETURN_IF_ERROR(row.negative() ? Prepare(*pair.negative_elsewhere, negative_elsewhere)
                                           : Prepare(*pair.positive_elsewhere, positive_elsewhere));
    }
  }
  return absl::OkStatus();
}

absl::Status Trainer::FindTarget() {
  if (!Interchanges(params_.objective)) return absl::OkStatus();
  const int sign = params_.schedule.use == PairUse::kSubtract ? -1 : 1;
  const auto count = static_cast<int>(pairs_.size() - held_out_);
  at::Tensor sum;  // [hidden]
  for (int pair = 0; pair < count; ++pair) {
    STEER_RETURN_IF_ERROR(Prepare({{{.pair = pair, .sign = sign}}}, /*losing=*/false));
    STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/false, [&] {
      const PreparedAnswer& answer = *answers_[pair][sign > 0 ? 0 : 1];
      const at::Tensor row =
          answer.entering.select(0, answer.text.layout.prompt_length - 1).to(at::kDouble);
      sum = sum.defined() ? sum + row : row;
    }));
    Forget();
  }
  return RunUnit(/*gradients=*/false, [&] {
    carrier_.SetTarget(sum * (std::get<CdasParams>(params_.objective).target_factor / count));
  });
}

void Trainer::Forget() {
  for (std::optional<PreparedAnswer>* answer : fresh_) {
    if (kept_bytes_ <= kMostKeptBytes) break;
    kept_bytes_ -= BytesOf(**answer);
    answer->reset();
  }
  fresh_.clear();
}

absl::Status Trainer::Minimise(const std::vector<Row>& rows, double weight, Sums& sums) {
  const std::vector<std::span<const Row>> units = Units(rows);
  if (units.size() > 1 && !IsMeanOverPairs(params_.objective))
    return MinimisePooled(units, weight, sums);
  for (const std::span<const Row>& unit : units) {
    const double share =
        weight * static_cast<double>(unit.size()) / static_cast<double>(rows.size());
    STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/true, [&] {
      const PairLogProbs pairs = Forward(unit, /*learning=*/true);
      const at::Tensor loss = Loss(params_.objective, pairs) * share;
      loss.backward();
      sums.loss += loss.item<double>();
      sums.Add(pairs);
    }));
  }
  return absl::OkStatus();
}

// What the gradient of a pair is weighed with depends on all the pairs: they are run through first.
absl::Status Trainer::MinimisePooled(const std::vector<std::span<const Row>>& units, double weight,
                                     Sums& sums) {
  std::vector<PairLogProbs> parts;
  for (const std::span<const Row>& unit : units) {
    STEER_RETURN_IF_ERROR(
        RunUnit(/*gradients=*/false, [&] { parts.push_back(Forward(unit, /*learning=*/true)); }));
    sums.Add(parts.back());
  }
  std::vector<at::Tensor> leaves;
  STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/true, [&] {
    PairLogProbs all = Join(parts);
    for (at::Tensor* leaf : {&all.winning, &all.losing})
      if (leaf->defined()) leaf->set_requires_grad(true);
    const at::Tensor loss = Loss(params_.objective, all) * weight;
    loss.backward();
    sums.loss += loss.item<double>();
    leaves = {all.winning, all.losing};
  }));
  int64_t begin = 0;
  for (const std::span<const Row>& unit : units) {
    const auto count = static_cast<int64_t>(unit.size());
    STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/true, [&] {
      const PairLogProbs pairs = Forward(unit, /*learning=*/true);
      at::Tensor weighed = (pairs.winning * leaves[0].grad().narrow(0, begin, count)).sum();
      if (pairs.losing.defined())
        weighed = weighed + (pairs.losing * leaves[1].grad().narrow(0, begin, count)).sum();
      weighed.backward();
    }));
    begin += count;
  }
  return absl::OkStatus();
}

}  // namespace steer
