#include "core/runtime/activation_reader.h"

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/catch_torch.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::Status ReadMean(const Decoder& decoder, const ForcedText& text, int layer,
                      std::vector<float>& mean) {
  const at::NoGradGuard no_grad;
  const int count = static_cast<int>(text.tokens.size());
  StepInput input;
  input.tokens =
      at::tensor(std::vector<int64_t>(text.tokens.begin(), text.tokens.end()), at::dtype(at::kLong))
          .to(decoder.device());
  input.positions = at::arange(count, at::dtype(at::kLong).device(decoder.device()));
  input.sequences.push_back({.row_begin = 0, .count = count, .position = 0, .kept = {}});
  Taps taps;
  taps[Site{layer, SiteKind::kBlockOut}] = at::Tensor();
  decoder.Forward(input, decoder.Embed(input.tokens), {0, layer + 1}, /*cache=*/nullptr,
                  ControlPlan(), &taps);
  const at::Tensor answer =
      taps.begin()->second.narrow(0, text.layout.prompt_length, count - text.layout.prompt_length);
  const at::Tensor mean_row = answer.to(at::kFloat).mean(0).to(at::kCPU).contiguous();  // [hidden]
  mean.assign(mean_row.data_ptr<float>(), mean_row.data_ptr<float>() + mean_row.numel());
  return absl::OkStatus();
}

}  // namespace

MeanActivation MakeActivationReader(Engine* engine, std::shared_ptr<const Decoder> decoder) {
  return [engine, decoder = std::move(decoder)](const ForcedText& text,
                                                int layer) -> absl::StatusOr<std::vector<float>> {
    std::vector<float> mean;
    STEER_RETURN_IF_ERROR(engine->RunUnit([&] {
      return CatchTorch("reading activations",
                        [&] { return ReadMean(*decoder, text, layer, mean); });
    }));
    return mean;
  };
}

}  // namespace steer
