#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/checkpoint.h"
#include "core/model/decoder_layer.h"
#include "core/model/model_config.h"

namespace steer {

// The model: weights and the way through them. One decoder for every family, driven by ModelConfig.
// Immutable after Load and thread-safe; all state (cache, plan, taps) is passed in. Call it under
// no_grad, or without a cache where a plan learns: its gradients are those of the plan's tensors.
class Decoder {
 public:
  // Takes every tensor of the checkpoint: UNIMPLEMENTED names those that nobody asked for, since an
  // ignored tensor is a wrong model. Other errors as in WeightLoader.
  static absl::StatusOr<std::shared_ptr<const Decoder>> Load(const Checkpoint& checkpoint,
                                                             at::ScalarType dtype,
                                                             at::Device device,
                                                             LoadProgress progress = nullptr);

  const ModelConfig& config() const { return config_; }
  at::ScalarType dtype() const { return dtype_; }
  at::Device device() const { return device_; }
  int64_t weight_bytes() const { return weight_bytes_; }
  int64_t parameters() const { return parameters_; }

  // Embeds the tokens and scales as the family does -> [rows, hidden].
  at::Tensor Embed(const at::Tensor& tokens) const;
  // Runs the blocks of `range` on h [rows, hidden]. Without a cache each sequence is attended
  // within the step.
  at::Tensor Forward(const StepInput& input, at::Tensor h, LayerRange range, KvCache* cache,
                     const ControlPlan& plan, Taps* taps = nullptr) const;
  // Final norm, head and soft cap of some rows of the last block's output: [n, hidden] -> [n,
  // vocabulary] in fp32 (see WideType).
  at::Tensor Logits(const at::Tensor& h) const;

 private:
  explicit Decoder(ModelConfig config, at::ScalarType dtype, at::Device device)
      : config_(std::move(config)), dtype_(dtype), device_(device) {}
  absl::Status LoadWeights(const Checkpoint& checkpoint, LoadProgress progress);
  void CountWeights();

  ModelConfig config_;
  at::ScalarType dtype_;
  at::Device device_;
  at::Tensor embedding_;  // [vocabulary, hidden]
  std::vector<DecoderLayer> layers_;
  RmsNorm norm_;
  at::Tensor head_;          // [vocabulary, hidden]; the embedding when tied
  std::vector<Rope> ropes_;  // by ModelConfig::ropes
  double embedding_scale_ = 1;
  int64_t weight_bytes_ = 0;
  int64_t parameters_ = 0;
};

}  // namespace steer
