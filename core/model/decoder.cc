#include "core/model/decoder.h"

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/control/wide_type.h"

namespace steer {

absl::StatusOr<std::shared_ptr<const Decoder>> Decoder::Load(const Checkpoint& checkpoint,
                                                             at::ScalarType dtype,
                                                             at::Device device,
                                                             LoadProgress progress) {
  return CatchTorch("loading the model", [&]() -> absl::StatusOr<std::shared_ptr<const Decoder>> {
    const at::NoGradGuard no_grad;
    std::shared_ptr<Decoder> decoder(new Decoder(checkpoint.config, dtype, device));
    STEER_RETURN_IF_ERROR(decoder->LoadWeights(checkpoint, std::move(progress)));
    const std::vector<std::string> untaken = checkpoint.tensors.Untaken();
    if (!untaken.empty()) {
      return FieldError(
          absl::StatusCode::kUnimplemented,
          {"UNSUPPORTED_MODEL", "tensors", absl::StrJoin(untaken, ", ").substr(0, 500),
           absl::StrCat("only tensors that a ", checkpoint.config.architecture, " decoder uses")});
    }
    return std::shared_ptr<const Decoder>(std::move(decoder));
  });
}

absl::Status Decoder::LoadWeights(const Checkpoint& checkpoint, LoadProgress progress) {
  WeightLoader weights(checkpoint.tensors, dtype_, device_, std::move(progress));
  STEER_ASSIGN_OR_RETURN(embedding_,
                         weights.Take("token_embd.weight", {config_.vocabulary, config_.hidden}));
  STEER_ASSIGN_OR_RETURN(norm_,
                         RmsNorm::Load(config_, "output_norm.weight", config_.hidden, weights));
  head_ = embedding_;
  if (!config_.tied_head) {
    STEER_ASSIGN_OR_RETURN(head_,
                           weights.Take("output.weight", {config_.vocabulary, config_.hidden}));
  }
  for (int layer = 0; layer < config_.layers; ++layer) {
    STEER_ASSIGN_OR_RETURN(
        DecoderLayer block,
        DecoderLayer::Load(checkpoint, layer, weights.Narrow(absl::StrCat("blk.", layer, "."))));
    layers_.push_back(std::move(block));
  }
  for (const RopeConfig& rope : config_.ropes)
    ropes_.emplace_back(rope, config_.rotary_dim, device_);
  // The reference multiplies by the scale as the model's own type spells it: sqrt(3072) is 55.5 in
  // bf16.
  embedding_scale_ = at::scalar_tensor(config_.embedding_scale, at::dtype(dtype_)).item<double>();
  CountWeights();
  return absl::OkStatus();
}

void Decoder::CountWeights() {
  std::vector<at::Tensor> all = {embedding_, norm_.weight()};
  if (!config_.tied_head) all.push_back(head_);
  for (const DecoderLayer& layer : layers_) {
    const std::vector<at::Tensor> own = layer.weights();
    all.insert(all.end(), own.begin(), own.end());
  }
  for (const at::Tensor& weight : all) {
    parameters_ += weight.numel();
    weight_bytes_ += static_cast<int64_t>(weight.nbytes());
  }
}

at::Tensor Decoder::Embed(const at::Tensor& tokens) const {
  at::Tensor h = embedding_.index_select(0, tokens);
  if (embedding_scale_ != 1) h.mul_(embedding_scale_);
  return h;
}

at::Tensor Decoder::Forward(const StepInput& input, at::Tensor h, LayerRange range, KvCache* cache,
                            const ControlPlan& plan, Taps* taps) const {
  std::vector<RopeRows> ropes;
  for (const Rope& rope : ropes_) ropes.push_back(rope.At(input.positions));
  for (int layer = range.begin; layer < range.end; ++layer) {
    h = layers_[layer].Forward(h, {input, ropes, cache, plan, taps});
  }
  return h;
}

at::Tensor Decoder::Logits(const at::Tensor& h) const {
  const at::Tensor logits = at::linear(norm_.Forward(h), head_).to(WideType(dtype_));
  const double cap = config_.final_soft_cap;
  return cap > 0 ? logits.div_(cap).tanh_().mul(cap) : logits;
}

}  // namespace steer
