#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/attention.h"
#include "core/model/linear.h"
#include "core/model/model_config.h"
#include "core/model/rope.h"
#include "core/model/taps.h"

namespace steer {

struct Checkpoint;

// x * rsqrt(mean(x^2) + epsilon) * weight over the last dimension, in fp32, back in the type of x.
class RmsNorm {
 public:
  RmsNorm() = default;
  // `weight` is fp32.
  RmsNorm(at::Tensor weight, double epsilon) : weight_(std::move(weight)), epsilon_(epsilon) {}
  // Takes the norm's weight and adds what `config` says is missing from it.
  static absl::StatusOr<RmsNorm> Load(const ModelConfig& config, absl::string_view name,
                                      int64_t width, WeightLoader& weights);

  // False where a family has no such norm; then Forward must not be called.
  bool present() const { return weight_.defined(); }
  at::Tensor Forward(const at::Tensor& x) const;
  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor weight_;
  double epsilon_ = 0;
};

// What a step is to every block.
struct LayerStep {
  const StepInput& input;
  std::span<const RopeRows> ropes;  // by ModelConfig::ropes
  KvCache* cache = nullptr;
  const ControlPlan& plan;
  Taps* taps = nullptr;
};

// One block: attention and MLP as ModelConfig writes them down. Controls enter at the seven
// linears, at kv and at block_out. Immutable.
class DecoderLayer {
 public:
  // `weights` is narrowed to the block ("blk.<layer>.").
  static absl::StatusOr<DecoderLayer> Load(const Checkpoint& checkpoint, int layer,
                                           WeightLoader weights);

  // h [rows, hidden] -> [rows, hidden].
  at::Tensor Forward(const at::Tensor& h, const LayerStep& step) const;

  // All of its tensors.
  std::vector<at::Tensor> weights() const;

 private:
  absl::Status LoadNorms(const ModelConfig& config, WeightLoader& weights);
  absl::Status LoadLinears(const Checkpoint& checkpoint, WeightLoader& weights);
  at::Tensor Attention(const at::Tensor& x, const LayerStep& step) const;
  AttentionRows Rows(const at::Tensor& x, const LayerStep& step) const;

  AttentionConfig attention_;
  int64_t head_dim_ = 0;
  int rope_ = 0;
  Activation activation_ = Activation::kSilu;
  RmsNorm attn_norm_, mlp_norm_;
  RmsNorm q_norm_, k_norm_;                 // where qk_norm
  RmsNorm post_attn_norm_, post_mlp_norm_;  // where post_norms
  Linear q_, k_, v_, o_, gate_, up_, down_;
};

}  // namespace steer
