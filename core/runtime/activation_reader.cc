#include "core/runtime/activation_reader.h"

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/catch_torch.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// Positions of `rows` [positions, width].
at::Tensor Select(const at::Tensor& rows, TokenRange range) {
  return rows.narrow(0, range.begin, range.end - range.begin).to(at::kFloat);
}

LayerActivation Describe(const at::Tensor& h, const ReadText& text) {
  LayerActivation activation;
  const at::Tensor mean = Select(h, text.read).mean(0).to(at::kCPU).contiguous();  // [width]
  activation.mean.assign(mean.data_ptr<float>(), mean.data_ptr<float>() + mean.numel());
  const at::Tensor norms = Select(h, OrdinaryTokens(text.text)).norm(2, 1);  // [ordinary tokens]
  activation.norms = {.sum = norms.sum(at::kDouble).item<double>(), .tokens = norms.numel()};
  return activation;
}

std::vector<LayerActivation> ReadLayers(const Decoder& decoder, const ReadText& text,
                                        std::span<const int> layers, SiteKind site) {
  const at::NoGradGuard no_grad;
  const std::vector<TokenId>& tokens = text.text.tokens;
  const int count = static_cast<int>(tokens.size());
  StepInput input;
  input.tokens =
      at::tensor(std::vector<int64_t>(tokens.begin(), tokens.end()), at::dtype(at::kLong))
          .to(decoder.device());
  input.positions = at::arange(count, at::dtype(at::kLong).device(decoder.device()));
  input.sequences.push_back({.row_begin = 0, .count = count, .position = 0, .kept = {}});
  Taps taps;
  for (const int layer : layers) taps[Site{layer, site}] = at::Tensor();
  decoder.Forward(input, decoder.Embed(input.tokens), {0, layers.back() + 1}, /*cache=*/nullptr,
                  ControlPlan(), &taps);
  std::vector<LayerActivation> activations;
  activations.reserve(layers.size());
  for (const int layer : layers) activations.push_back(Describe(taps.at(Site{layer, site}), text));
  return activations;
}

}  // namespace

ReadActivations MakeActivationReader(Engine* engine, std::shared_ptr<const Decoder> decoder,
                                     SiteKind site) {
  return [engine, site, decoder = std::move(decoder)](
             const ReadText& text,
             std::span<const int> layers) -> absl::StatusOr<std::vector<LayerActivation>> {
    std::vector<LayerActivation> activations;
    STEER_RETURN_IF_ERROR(engine->RunUnit([&] {
      return CatchTorch("reading activations", [&] {
        activations = ReadLayers(*decoder, text, layers, site);
        return absl::OkStatus();
      });
    }));
    return activations;
  };
}

}  // namespace steer
