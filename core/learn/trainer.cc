#include "core/learn/trainer.h"

#include <algorithm>
#include <cmath>
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

bool IsNegative(const TrainingRow& row) { return row.sign < 0; }

int64_t BytesOf(const PreparedAnswer& answer) {
  return static_cast<int64_t>(answer.entering.nbytes());
}

}  // namespace

// A pair with both answers steered as its row says.
struct Trainer::Row {
  SteeredAnswer winning, losing;
};

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

Trainer::Trainer(Parts parts, Carrier carrier, std::vector<ContrastPair> pairs,
                 TrainingParams params)
    : parts_(std::move(parts)),
      carrier_(std::move(carrier)),
      pairs_(std::move(pairs)),
      params_(std::move(params)),
      schedule_(static_cast<int>(pairs_.size()), params_.schedule),
      pass_(parts_.decoder, carrier_.first_layer(), params_.positions,
            /*with_plain=*/NeedsReference(params_.objective)),
      answers_(2 * pairs_.size()),
      optimizer_(carrier_.parameters(), params_) {}

Trainer::~Trainer() = default;

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(Parts parts, Carrier carrier,
                                                         std::vector<ContrastPair> pairs,
                                                         TrainingParams params) {
  STEER_RETURN_IF_ERROR(Validate(params));
  if (pairs.empty()) return InvalidField("pairs", "none", "at least one");
  return CatchTorch("training", [&]() -> absl::StatusOr<std::unique_ptr<Trainer>> {
    return std::unique_ptr<Trainer>(
        new Trainer(std::move(parts), std::move(carrier), std::move(pairs), std::move(params)));
  });
}

absl::StatusOr<StepReport> Trainer::Step() { return Step(schedule_.At(steps_done_)); }

absl::StatusOr<StepReport> Trainer::Step(const TrainingStep& step) {
  STEER_RETURN_IF_ERROR(Prepare(step));
  StepReport report = {.step = steps_done_ + 1,
                       .learning_rate = optimizer_.LearningRate(steps_done_)};
  Sums sums;
  for (const Minibatch& minibatch : step) {
    const std::vector<Row> rows = Steer(minibatch);
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

absl::Status Trainer::Prepare(const TrainingStep& step) {
  for (const Minibatch& minibatch : step) {
    for (const TrainingRow& row : minibatch) {
      for (const size_t which : {size_t{0}, size_t{1}}) {
        // The losing answer is not looked at by every objective.
        const bool wins = (which == 0) != IsNegative(row);
        std::optional<PreparedAnswer>& answer = answers_[size_t{2} * row.pair + which];
        if (answer || (!wins && !NeedsLosing(params_.objective))) continue;
        const ContrastPair& pair = pairs_[row.pair];
        STEER_RETURN_IF_ERROR(parts_.run_unit([&] {
          return CatchTorch("training", [&] {
            answer = pass_.Prepare(which == 0 ? pair.positive : pair.negative);
            return absl::OkStatus();
          });
        }));
        kept_bytes_ += BytesOf(*answer);
        fresh_.push_back(&answer);
      }
    }
  }
  return absl::OkStatus();
}

void Trainer::Forget() {
  for (std::optional<PreparedAnswer>* answer : fresh_) {
    if (kept_bytes_ <= kMostKeptBytes) break;
    kept_bytes_ -= BytesOf(**answer);
    answer->reset();
  }
  fresh_.clear();
}

std::vector<Trainer::Row> Trainer::Steer(const Minibatch& minibatch) const {
  const bool nulls_out = NullsOut(params_, carrier_.spec().kind);
  std::vector<Row> rows;
  for (const TrainingRow& row : minibatch) {
    const size_t winner = size_t{2} * row.pair + (IsNegative(row) ? 1 : 0);
    const bool null_out = nulls_out && IsNegative(row);
    Row steered;
    steered.winning = {.answer = &*answers_[winner],
                       .factor = null_out ? 0 : row.winning_factor,
                       .null_out = null_out};
    if (NeedsLosing(params_.objective)) {
      steered.losing = {.answer = &*answers_[winner ^ 1U],
                        .factor = null_out ? 0 : row.losing_factor,
                        .null_out = null_out};
    }
    rows.push_back(steered);
  }
  return rows;
}

// Ranges of rows that make one piece of work each.
std::vector<std::span<const Trainer::Row>> Trainer::Units(const std::vector<Row>& rows) const {
  const int most = parts_.unit_rows();
  std::vector<std::span<const Row>> units;
  for (size_t begin = 0; begin < rows.size();) {
    size_t count = 1;
    while (begin + count < rows.size() &&
           pass_.Rows(AnswersOf(std::span(rows).subspan(begin, count + 1))) <= most)
      ++count;
    units.push_back(std::span(rows).subspan(begin, count));
    begin += count;
  }
  return units;
}

std::vector<SteeredAnswer> Trainer::AnswersOf(std::span<const Row> rows) {
  std::vector<SteeredAnswer> answers;
  for (const Row& row : rows) {
    answers.push_back(row.winning);
    if (row.losing.answer != nullptr) answers.push_back(row.losing);
  }
  return answers;
}

PairLogProbs Trainer::Forward(std::span<const Row> rows) const {
  const uint64_t seed = params_.schedule.seed + static_cast<uint64_t>(steps_done_);
  const std::vector<SignalTerm> terms =
      carrier_.Terms(parts_.decoder->dtype(), params_.dropout, seed);
  const at::Tensor sums = pass_.LogProbs(AnswersOf(rows), terms);
  const bool both = rows.front().losing.answer != nullptr;
  const auto numbers = [&](const SteeredAnswer Row::* answer, auto number) {
    std::vector<double> values;
    for (const Row& row : rows) values.push_back(number(*(row.*answer).answer));
    return at::tensor(values, at::dtype(at::kDouble)).to(sums.options());  // [pairs]
  };
  const auto tokens = [](const PreparedAnswer& answer) {
    return static_cast<double>(answer.text.tokens.size()) - answer.text.layout.prompt_length;
  };
  const auto plain = [](const PreparedAnswer& answer) { return answer.plain_log_prob; };
  PairLogProbs pairs;
  const at::Tensor table = sums.view({-1, both ? 2 : 1});
  pairs.winning = table.select(1, 0);
  pairs.winning_tokens = numbers(&Row::winning, tokens);
  pairs.plain_winning = numbers(&Row::winning, plain);
  if (both) {
    pairs.losing = table.select(1, 1);
    pairs.losing_tokens = numbers(&Row::losing, tokens);
    pairs.plain_losing = numbers(&Row::losing, plain);
  }
  return pairs;
}

absl::Status Trainer::RunUnit(bool gradients, const std::function<void()>& work) const {
  return parts_.run_unit([&] {
    return CatchTorch("training", [&] {
      const at::AutoGradMode grad_mode(gradients);
      work();
      return absl::OkStatus();
    });
  });
}

absl::Status Trainer::Minimise(const std::vector<Row>& rows, double weight, Sums& sums) {
  const std::vector<std::span<const Row>> units = Units(rows);
  if (units.size() > 1 && !IsMeanOverPairs(params_.objective))
    return MinimisePooled(units, weight, sums);
  for (const std::span<const Row>& unit : units) {
    const double share =
        weight * static_cast<double>(unit.size()) / static_cast<double>(rows.size());
    STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/true, [&] {
      const PairLogProbs pairs = Forward(unit);
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
    STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/false, [&] { parts.push_back(Forward(unit)); }));
    sums.Add(parts.back());
  }
  std::vector<at::Tensor> leaves;
  STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/true, [&] {
    PairLogProbs all;
    const auto join = [&parts](at::Tensor PairLogProbs::* member, bool leaf) -> at::Tensor {
      std::vector<at::Tensor> pieces;
      for (const PairLogProbs& part : parts) pieces.push_back(part.*member);
      if (!pieces.front().defined()) return {};
      at::Tensor joined = at::cat(pieces);
      if (leaf) joined.set_requires_grad(true);
      return joined;
    };
    all.winning = join(&PairLogProbs::winning, true);
    all.losing = join(&PairLogProbs::losing, true);
    all.winning_tokens = join(&PairLogProbs::winning_tokens, false);
    all.losing_tokens = join(&PairLogProbs::losing_tokens, false);
    all.plain_winning = join(&PairLogProbs::plain_winning, false);
    all.plain_losing = join(&PairLogProbs::plain_losing, false);
    const at::Tensor loss = Loss(params_.objective, all) * weight;
    loss.backward();
    sums.loss += loss.item<double>();
    leaves = {all.winning, all.losing};
  }));
  int64_t begin = 0;
  for (const std::span<const Row>& unit : units) {
    const auto count = static_cast<int64_t>(unit.size());
    STEER_RETURN_IF_ERROR(RunUnit(/*gradients=*/true, [&] {
      const PairLogProbs pairs = Forward(unit);
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
