#include "core/learn/attribution.h"

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/catch_torch.h"
#include "core/base/status_macros.h"
#include "core/learn/answer_pass.h"

namespace steer {
namespace {

// In how many positions both texts are the same prompt.
int SharedPrompt(const ContrastPair& pair) {
  const ForcedText& a = pair.positive;
  const ForcedText& b = pair.negative;
  const int most = std::min(a.layout.prompt_length, b.layout.prompt_length);
  const auto [end, ignored] =
      std::mismatch(a.tokens.begin(), a.tokens.begin() + most, b.tokens.begin());
  return static_cast<int>(end - a.tokens.begin());
}

// g at embeddings of the shared prompt.
class Margin {
 public:
  Margin(const std::shared_ptr<const Decoder>& decoder, const ContrastPair& pair)
      : pass_(decoder, /*first_layer=*/0, PositionRule(), PlainAnswer::kNothing),
        positive_(pass_.Prepare(pair.positive)),
        negative_(pass_.Prepare(pair.negative)),
        shared_(SharedPrompt(pair)) {}

  // [shared, hidden]
  at::Tensor embeddings() const { return positive_.entering.narrow(0, 0, shared_); }
  at::Tensor At(const at::Tensor& embeddings) const {
    const auto with = [&](const PreparedAnswer& answer) {
      PreparedAnswer changed = answer;
      const int64_t rest = answer.entering.size(0) - shared_;
      changed.entering = at::cat({embeddings, answer.entering.narrow(0, shared_, rest)});
      return changed;
    };
    const PreparedAnswer positive = with(positive_), negative = with(negative_);
    const std::vector<SteeredAnswer> answers = {{.answer = &positive}, {.answer = &negative}};
    const at::Tensor sums = pass_.LogProbs(answers, {});
    return sums.select(0, 0) - sums.select(0, 1);
  }

 private:
  const AnswerPass pass_;
  const PreparedAnswer positive_, negative_;
  const int shared_;
};

}  // namespace

absl::StatusOr<Attribution> AttributeTokens(
    const std::shared_ptr<const Decoder>& decoder, const ContrastPair& pair, int steps,
    const std::function<absl::Status(const std::function<absl::Status()>&)>& run_unit) {
  Attribution attribution;
  std::unique_ptr<const Margin> margin;
  const auto run = [&run_unit](const std::function<void()>& work) {
    return run_unit([&work] {
      return CatchTorch("attribution", [&work] {
        work();
        return absl::OkStatus();
      });
    });
  };
  STEER_RETURN_IF_ERROR(run([&] {
    const at::NoGradGuard no_grad;
    margin = std::make_unique<const Margin>(decoder, pair);
    attribution.value = margin->At(margin->embeddings()).item<double>();
  }));
  const at::Tensor embeddings = margin->embeddings();
  at::Tensor gradients = at::zeros_like(embeddings);
  for (int step = 0; step < steps; ++step) {
    STEER_RETURN_IF_ERROR(run([&] {
      const at::AutoGradMode grad_mode(true);
      at::Tensor scaled = (embeddings * ((step + 0.5) / steps)).detach();
      scaled.set_requires_grad(true);
      margin->At(scaled).backward();
      gradients += scaled.grad();
    }));
  }
  STEER_RETURN_IF_ERROR(run([&] {
    const at::Tensor sums =
        (gradients * embeddings).to(at::kCPU, at::kDouble).sum(1).div_(steps).contiguous();
    attribution.tokens.assign(sums.data_ptr<double>(), sums.data_ptr<double>() + sums.numel());
  }));
  return attribution;
}

std::vector<int> MostImportant(const Attribution& attribution, int first, int count,
                               bool negative) {
  std::vector<std::pair<double, int>> important;
  for (int t = first; t < static_cast<int>(attribution.tokens.size()); ++t) {
    const double value = negative ? -attribution.tokens[t] : attribution.tokens[t];
    if (value > 0) important.emplace_back(-value, t);
  }
  std::sort(important.begin(), important.end());
  important.resize(std::min(important.size(), static_cast<size_t>(count)));
  std::vector<int> positions;
  for (const auto& [value, position] : important) positions.push_back(position);
  std::sort(positions.begin(), positions.end());
  return positions;
}

}  // namespace steer
