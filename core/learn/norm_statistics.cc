#include "core/learn/norm_statistics.h"

#include <map>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"

namespace steer {

void NormStatistics::Add(const Decoder& decoder, const ForcedText& text,
                         const std::vector<SignalTerm>& terms, int layer) {
  const at::NoGradGuard no_grad;
  const auto count = static_cast<int64_t>(text.tokens.size());
  const auto longs = at::dtype(at::kLong);
  StepInput input;
  input.tokens = at::tensor(std::vector<int64_t>(text.tokens.begin(), text.tokens.end()), longs)
                     .to(decoder.device());
  input.positions = at::arange(count, longs.device(decoder.device()));
  input.sequences.push_back({.row_begin = 0, .count = static_cast<int>(count)});
  const at::Tensor one = at::ones({count, 1}, at::dtype(at::kFloat).device(decoder.device()));
  std::map<Site, std::vector<PlannedTerm>> plan;
  for (const SignalTerm& term : terms)
    plan[term.site].push_back({.term = &term, .rows = {}, .m1 = one, .m2 = one});
  const int below = terms.empty() ? layer : terms.front().site.layer, above = layer + 1;
  const auto run = [&](const at::Tensor& h, LayerRange layers, const ControlPlan& control) {
    return decoder.Forward(input, h, layers, /*cache=*/nullptr, control);
  };
  const at::Tensor entering = run(decoder.Embed(input.tokens), {0, below}, ControlPlan());
  const at::Tensor plain = run(entering, {below, above}, ControlPlan()).to(at::kFloat);
  const at::Tensor steered =
      run(entering, {below, above}, ControlPlan(std::move(plan))).to(at::kFloat);
  const TokenRange ordinary = OrdinaryTokens(text);
  const int64_t tokens = ordinary.end - ordinary.begin;
  const auto sum = [&](const at::Tensor& rows) {
    return NormSum{rows.narrow(0, ordinary.begin, tokens).norm(2, {1}).sum().item<double>(),
                   tokens};
  };
  activation += sum(plain);
  change += sum(steered - plain);
}

}  // namespace steer
