#include "core/model/decoder.h"

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<std::shared_ptr<const Decoder>> Decoder::Load(const GgufFile& file,
                                                             const ModelConfig& config,
                                                             at::ScalarType dtype,
                                                             at::Device device) {
  return CatchTorch("loading the model", [&]() -> absl::StatusOr<std::shared_ptr<const Decoder>> {
    const at::NoGradGuard no_grad;
    const TensorMap tensors = file.tensors();
    std::shared_ptr<Decoder> decoder(new Decoder(config, dtype, device));
    STEER_RETURN_IF_ERROR(decoder->LoadWeights(WeightLoader(tensors, dtype, device)));
    const std::vector<std::string> untaken = tensors.Untaken();
    if (!untaken.empty()) {
      return FieldError(
          absl::StatusCode::kUnimplemented,
          {"UNSUPPORTED_MODEL", "tensors", absl::StrJoin(untaken, ", ").substr(0, 500),
           absl::StrCat("only tensors that a ", config.architecture, " decoder uses")});
    }
    return std::shared_ptr<const Decoder>(std::move(decoder));
  });
}

absl::Status Decoder::LoadWeights(WeightLoader weights) {
  STEER_ASSIGN_OR_RETURN(embedding_,
                         weights.Take("token_embd.weight", {config_.vocabulary, config_.hidden}));
  STEER_ASSIGN_OR_RETURN(norm_, weights.TakeFloat("output_norm.weight", {config_.hidden}));
  head_ = embedding_;
  if (!config_.tied_head) {
    STEER_ASSIGN_OR_RETURN(head_,
                           weights.Take("output.weight", {config_.vocabulary, config_.hidden}));
  }
  for (int layer = 0; layer < config_.layers; ++layer) {
    STEER_ASSIGN_OR_RETURN(
        DecoderLayer block,
        DecoderLayer::Load(config_, layer, weights.Narrow(absl::StrCat("blk.", layer, "."))));
    layers_.push_back(std::move(block));
  }
  rope_ = Rope(config_.head_dim, config_.ropes[0].theta, config_.context_limit, device_);

  const ModelShape shape = config_.shape();
  int64_t per_layer = 0;
  for (int kind = 0; kind < kSiteKinds; ++kind) {
    const SiteDims dims = shape.Dims(static_cast<SiteKind>(kind));
    per_layer += dims.in * dims.out;
  }
  const int64_t matrices =
      config_.layers * per_layer + embedding_.numel() + (config_.tied_head ? 0 : head_.numel());
  const int64_t norms = (2 * config_.layers + 1) * config_.hidden;
  parameters_ = matrices + norms;
  weight_bytes_ = matrices * static_cast<int64_t>(c10::elementSize(dtype_)) + norms * 4;
  return absl::OkStatus();
}

at::Tensor Decoder::Embed(const at::Tensor& tokens) const {
  return embedding_.index_select(0, tokens);
}

at::Tensor Decoder::Forward(const StepInput& input, at::Tensor h, LayerRange range, KvCache* cache,
                            const ControlPlan& plan, Taps* taps) const {
  const RopeRows rope = rope_.At(input.positions);
  for (int layer = range.begin; layer < range.end; ++layer) {
    h = layers_[layer].Forward(h, input, rope, cache, plan);
    if (taps == nullptr) continue;
    if (const auto tap = taps->find(Site{layer, SiteKind::kBlockOut}); tap != taps->end())
      tap->second = h;
  }
  return h;
}

at::Tensor Decoder::Logits(const at::Tensor& h) const {
  return at::linear(RmsNorm(h, norm_, config_.norm_epsilon), head_).to(at::kFloat);
}

}  // namespace steer
