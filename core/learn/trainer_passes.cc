// How Trainer runs pairs through the model.

#include <cmath>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/catch_torch.h"
#include "core/learn/trainer.h"

namespace steer {
namespace {

// 1 - the cosine of the answers' mean activations, as they enter the first block of a pass.
double Distance(const PreparedAnswer& a, const PreparedAnswer& b) {
  const auto mean = [](const PreparedAnswer& answer) {
    const int64_t first = answer.text.layout.prompt_length - 1;  // which predicts the answer
    return answer.entering.narrow(0, first, answer.entering.size(0) - first)
        .to(at::kDouble)
        .mean(0);
  };
  return 1 - at::cosine_similarity(mean(a), mean(b), 0).item<double>();
}

}  // namespace

std::vector<Trainer::Row> Trainer::Steer(const Minibatch& minibatch, bool losing) const {
  const bool nulls_out = NullsOut(params_, carrier_.spec().kind);
  const bool interchanges = Interchanges(params_.objective);
  std::vector<Row> rows;
  for (const TrainingRow& row : minibatch) {
    const auto& answers = answers_[row.pair];
    const size_t winner = row.negative() ? 1 : 0;
    const bool null_out = nulls_out && row.negative();
    // What a clamp is put to has its sign in itself.
    const auto steer = [&](size_t which, double factor) {
      if (interchanges) factor = std::abs(factor);
      return SteeredAnswer{
          .answer = &*answers[which], .factor = null_out ? 0 : factor, .null_out = null_out};
    };
    Row steered = {.winning = steer(interchanges ? winner + 2 : winner, row.winning_factor)};
    if (losing) steered.losing = steer(winner ^ 1U, row.losing_factor);
    if (interchanges) steered.source = &*answers[winner];
    rows.push_back(steered);
  }
  return rows;
}

// Ranges of rows that make one piece of work each.
std::vector<std::span<const Trainer::Row>> Trainer::Units(const std::vector<Row>& rows) const {
  // An interchange keeps whole distributions over the vocabulary.
  const int most = Interchanges(params_.objective) ? 0 : parts_.unit_rows();
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

PairLogProbs Trainer::Forward(std::span<const Row> rows, bool learning) const {
  const uint64_t seed = params_.schedule.seed + static_cast<uint64_t>(steps_done_);
  const at::ScalarType type = parts_.decoder->dtype();
  const std::vector<SignalTerm> terms =
      learning ? carrier_.Terms(type, {params_.dropout, params_.noise, seed})
               : carrier_.Terms(type);
  if (Interchanges(params_.objective) && learning) return Interchange(rows, terms);
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
  if (both && NeedsDistance(params_.objective)) {
    std::vector<double> distances;
    for (const Row& row : rows)
      distances.push_back(Distance(*row.winning.answer, *row.losing.answer));
    pairs.distance = at::tensor(distances, at::dtype(at::kDouble)).to(sums.options());
  }
  if (NeedsShift(params_.objective)) {
    std::vector<at::Tensor> shifts;
    for (const Row& row : rows) {
      shifts.push_back((pass_.ShiftSize(*row.winning.answer, terms.front()) +
                        pass_.ShiftSize(*row.losing.answer, terms.front())) /
                       2);
    }
    pairs.shift = at::stack(shifts);
  }
  if (Interchanges(params_.objective)) pairs.divergence = Interchange(rows, terms).divergence;
  return pairs;
}

PairLogProbs Trainer::Interchange(std::span<const Row> rows,
                                  const std::vector<SignalTerm>& terms) const {
  std::vector<at::Tensor> divergences, log_probs;
  std::vector<double> tokens;
  for (const Row& row : rows) {
    const AnswerPass::Interchanged one =
        pass_.Interchange(*row.winning.answer, *row.source, terms.front());
    divergences.push_back(one.divergence);
    log_probs.push_back(one.log_prob);
    tokens.push_back(static_cast<double>(row.source->plain_top.size(0)));
  }
  PairLogProbs pairs;
  pairs.divergence = at::stack(divergences);
  pairs.winning = at::stack(log_probs);
  pairs.winning_tokens = at::tensor(tokens, at::dtype(at::kDouble)).to(pairs.winning.options());
  return pairs;
}

// Of all pairs, one part behind the other.
PairLogProbs Trainer::Join(const std::vector<PairLogProbs>& parts) {
  const auto join = [&parts](at::Tensor PairLogProbs::* member) -> at::Tensor {
    std::vector<at::Tensor> pieces;
    for (const PairLogProbs& part : parts) pieces.push_back(part.*member);
    return pieces.front().defined() ? at::cat(pieces) : at::Tensor();
  };
  PairLogProbs all;
  for (at::Tensor PairLogProbs::* member :
       {&PairLogProbs::winning, &PairLogProbs::losing, &PairLogProbs::winning_tokens,
        &PairLogProbs::losing_tokens, &PairLogProbs::plain_winning, &PairLogProbs::plain_losing,
        &PairLogProbs::distance, &PairLogProbs::shift, &PairLogProbs::divergence})
    all.*member = join(member);
  return all;
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

}  // namespace steer
