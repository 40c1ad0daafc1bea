#include "core/learn/answer_pass.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <variant>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/check.h"
#include "core/control/apply.h"
#include "core/control/wide_type.h"

namespace steer {
namespace {

// The positions that have to run: the last one predicts nothing that is asked.
int Positions(const ForcedText& text) { return static_cast<int>(text.tokens.size()) - 1; }

at::Tensor ToTensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::dtype(at::kLong)).to(device);
}

// What takes each vector out of what leaves its site.
std::vector<SignalTerm> NullOuts(std::span<const SignalTerm> terms) {
  std::vector<SignalTerm> null_outs;
  for (const SignalTerm& term : terms) {
    const auto* const affine = std::get_if<AffineTerm>(&term.change);
    if (affine != nullptr && affine->db.defined())
      null_outs.push_back({term.site, NullOutTerm{.w = affine->db}});
  }
  return null_outs;
}

}  // namespace

// The rows of a pass, and where each answer finds its own among them.
struct AnswerPass::Step {
  StepInput input;
  std::vector<int64_t> positions;
  std::vector<at::Tensor> entering;             // pieces, in the order of the rows
  std::vector<std::vector<RowRange>> paths;     // by answer: its rows, in order of position
  std::vector<std::pair<size_t, int>> sources;  // of each row: the answer and position it is of

  // Rows [begin, end) of an answer, behind those of `before`.
  RowRange Add(std::span<const SteeredAnswer> answers, size_t which, int begin, int end,
               const std::vector<RowRange>& before) {
    const PreparedAnswer& answer = *answers[which].answer;
    const RowRange rows = {static_cast<int>(positions.size()), end - begin};
    SequenceRows& sequence = input.sequences.emplace_back();
    sequence.row_begin = rows.begin;
    sequence.count = rows.count;
    sequence.position = begin;
    sequence.before = before;
    entering.push_back(answer.entering.narrow(0, begin, rows.count));
    for (int position = begin; position < end; ++position) {
      positions.push_back(position);
      sources.emplace_back(which, position);
    }
    return rows;
  }
};

AnswerPass::Step AnswerPass::Layout(std::span<const SteeredAnswer> answers) const {
  const auto selected = [&](size_t i, int position) {
    return Selects(positions_, answers[i].answer->text.layout, position);
  };
  // Whether answers i and j have the same row at a position, once those before it are the same.
  const auto alike = [&](size_t i, size_t j, int position) {
    const ForcedText& a = answers[i].answer->text;
    const ForcedText& b = answers[j].answer->text;
    return position < std::min(Positions(a), Positions(b)) &&
           a.tokens[position] == b.tokens[position] &&
           selected(i, position) == selected(j, position);
  };
  Step step;
  // Alike in all and plain.
  int head = 0;
  const auto plain = [&](int position) {
    for (size_t i = 0; i < answers.size(); ++i)
      if (!alike(0, i, position) || selected(i, position)) return false;
    return true;
  };
  while (plain(head)) ++head;
  std::vector<RowRange> shared;
  if (head > 0) shared.push_back(step.Add(answers, 0, 0, head, {}));
  for (size_t i = 0; i < answers.size(); ++i) {
    // With the next answer it shares what comes first, if both are steered alike.
    int fork = head;
    const bool same = i + 1 < answers.size() && answers[i].factor == answers[i + 1].factor &&
                      answers[i].null_out == answers[i + 1].null_out;
    while (same && alike(i, i + 1, fork)) ++fork;
    std::vector<RowRange> trunk = shared;
    if (fork > head) trunk.push_back(step.Add(answers, i, head, fork, shared));
    for (const size_t own : {i, i + 1}) {
      if (own == i + 1 && fork == head) break;
      std::vector<RowRange> path = trunk;
      if (const int end = Positions(answers[own].answer->text); end > fork)
        path.push_back(step.Add(answers, own, fork, end, trunk));
      step.paths.push_back(std::move(path));
    }
    if (fork > head) ++i;
  }
  return step;
}

int AnswerPass::Rows(std::span<const SteeredAnswer> answers) const {
  return static_cast<int>(Layout(answers).positions.size());
}

// Rows by how they are steered: those with a factor, and those that null out.
ControlPlan AnswerPass::Plan(const Step& step, std::span<const SteeredAnswer> answers,
                             std::span<const SignalTerm> terms,
                             std::span<const SignalTerm> null_outs) const {
  const at::Device device = decoder_->device();
  std::vector<int64_t> rows, nulled;
  std::vector<float> factors;
  for (size_t row = 0; row < step.sources.size(); ++row) {
    const auto& [which, position] = step.sources[row];
    const SteeredAnswer& answer = answers[which];
    if (!Selects(positions_, answer.answer->text.layout, position)) continue;
    if (answer.null_out) {
      nulled.push_back(static_cast<int64_t>(row));
    } else if (answer.factor != 0) {
      rows.push_back(static_cast<int64_t>(row));
      factors.push_back(static_cast<float>(answer.factor));
    }
  }
  std::map<Site, std::vector<PlannedTerm>> plan;
  if (!rows.empty()) {
    const at::Tensor m = at::tensor(factors, at::dtype(at::kFloat)).unsqueeze(1).to(device);
    const at::Tensor index =
        rows.size() == step.sources.size() ? at::Tensor() : ToTensor(rows, device);
    for (const SignalTerm& term : terms)
      plan[term.site].push_back({.term = &term, .rows = index, .m1 = m, .m2 = m});
  }
  if (!nulled.empty()) {
    STEER_CHECK(!null_outs.empty());
    const at::Tensor index = ToTensor(nulled, device);
    const at::Tensor whole = at::ones({index.size(0), 1}, at::dtype(at::kFloat).device(device));
    for (const SignalTerm& term : null_outs)
      plan[term.site].push_back({.term = &term, .rows = index, .m1 = whole, .m2 = {}});
  }
  return ControlPlan(std::move(plan));
}

at::Tensor AnswerPass::Sum(const at::Tensor& log_probs, const Asked& asked, int64_t answers) {
  const at::Device device = log_probs.device();
  const at::Tensor own =
      log_probs.gather(1, ToTensor(asked.tokens, device).unsqueeze(1)).squeeze(1);  // [asked]
  return at::zeros({answers}, own.options()).index_add(0, ToTensor(asked.owners, device), own);
}

AnswerPass::Asked AnswerPass::Run(std::span<const SteeredAnswer> answers,
                                  std::span<const SignalTerm> terms) const {
  Step step = Layout(answers);
  step.input.positions = ToTensor(step.positions, decoder_->device());
  const std::vector<SignalTerm> null_outs = NullOuts(terms);
  const ControlPlan plan = Plan(step, answers, terms, null_outs);
  at::Tensor h = at::cat(step.entering);
  ApplyTerms(plan.At({first_layer_ - 1, SiteKind::kBlockOut}), {}, h);
  h = decoder_->Forward(step.input, h, {first_layer_, decoder_->config().layers}, /*cache=*/nullptr,
                        plan);
  Asked asked;
  std::vector<int64_t> rows;
  for (size_t i = 0; i < answers.size(); ++i) {
    const ForcedText& text = answers[i].answer->text;
    int position = 0;
    for (const RowRange& range : step.paths[i]) {
      for (int row = 0; row < range.count; ++row, ++position) {
        if (position < text.layout.prompt_length - 1) continue;
        rows.push_back(range.begin + row);
        asked.tokens.push_back(text.tokens[position + 1]);
        asked.owners.push_back(static_cast<int64_t>(i));
      }
    }
  }
  asked.h = h.index_select(0, ToTensor(rows, h.device()));
  return asked;
}

at::Tensor AnswerPass::LogProbs(std::span<const SteeredAnswer> answers,
                                std::span<const SignalTerm> terms) const {
  const Asked asked = Run(answers, terms);
  return Sum(decoder_->Logits(asked.h).log_softmax(-1), asked,
             static_cast<int64_t>(answers.size()));
}

AnswerPass::Interchanged AnswerPass::Interchange(const PreparedAnswer& answer,
                                                 const PreparedAnswer& source,
                                                 const SignalTerm& clamp) const {
  SignalTerm term = clamp;
  auto& moved = std::get<ClampTerm>(term.change);
  const at::Tensor row = source.entering.select(0, source.text.layout.prompt_length - 1);
  moved.a = moved.w.matmul(row.to(moved.w.scalar_type()));  // [rank]
  const SteeredAnswer steered = {.answer = &answer, .factor = 1};
  const Asked asked = Run({&steered, 1}, {&term, 1});
  const at::Tensor p = decoder_->Logits(asked.h).log_softmax(-1);           // [answer, vocabulary]
  const at::Tensor q = decoder_->Logits(source.plain_top).log_softmax(-1);  // without gradient
  const at::Tensor middle = at::logaddexp(p, q) - std::log(2.0);
  const at::Tensor halves = p.exp() * (p - middle) + q.exp() * (q - middle);
  return {.divergence = halves.sum(1).mean() / 2, .log_prob = Sum(p, asked, 1).squeeze(0)};
}

at::Tensor AnswerPass::ShiftSize(const PreparedAnswer& answer, const SignalTerm& term) const {
  std::vector<int64_t> rows;
  for (int position = 0; position < Positions(answer.text); ++position)
    if (Selects(positions_, answer.text.layout, position)) rows.push_back(position);
  const at::Tensor h = answer.entering.index_select(0, ToTensor(rows, decoder_->device()));
  const at::Tensor v = Shift(std::get<FeatureShiftTerm>(term.change),
                             h.to(WideType(h.scalar_type())));  // [rows, features]
  return v.abs().sum(1).mean();
}

PreparedAnswer AnswerPass::Prepare(ForcedText text) const {
  const at::NoGradGuard no_grad;
  const int count = Positions(text);
  std::vector<int64_t> positions(count);
  for (int i = 0; i < count; ++i) positions[i] = i;
  StepInput input;
  input.positions = ToTensor(positions, decoder_->device());
  input.sequences.push_back({.row_begin = 0, .count = count});
  const std::vector<int64_t> tokens(text.tokens.begin(), text.tokens.begin() + count);
  const ControlPlan plain;
  const auto run = [&](const at::Tensor& h, int begin, int end) {
    return decoder_->Forward(input, h, {begin, end}, /*cache=*/nullptr, plain);
  };
  PreparedAnswer answer;
  answer.entering = run(decoder_->Embed(ToTensor(tokens, decoder_->device())), 0, first_layer_);
  if (plain_ != PlainAnswer::kNothing) {
    const int first = text.layout.prompt_length - 1;
    const at::Tensor top = run(answer.entering, first_layer_, decoder_->config().layers)
                               .narrow(0, first, count - first);
    if (plain_ == PlainAnswer::kTop) {
      answer.plain_top = top.clone();
    } else {
      const Asked asked = {.h = top,
                           .tokens = {text.tokens.begin() + first + 1, text.tokens.end()},
                           .owners = std::vector<int64_t>(count - first, 0)};
      answer.plain_log_prob = Sum(decoder_->Logits(top).log_softmax(-1), asked, 1).item<double>();
    }
  }
  answer.text = std::move(text);
  return answer;
}

}  // namespace steer
