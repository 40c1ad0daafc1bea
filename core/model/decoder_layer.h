#pragma once

#include "absl/status/statusor.h"
#include "core/model/attention.h"
#include "core/model/linear.h"
#include "core/model/model_config.h"
#include "core/model/rope.h"
#include "core/model/taps.h"

namespace steer {

// One block of the Llama type:
//   h += o_proj(attention(q, k, v of norm(h)));  h += down_proj(silu(gate_proj(x)) * up_proj(x)), x
//   = norm(h)
// Controls enter at the seven linears and at block_out. Immutable.
class DecoderLayer {
 public:
  // `weights` is narrowed to the block ("blk.<layer>.").
  static absl::StatusOr<DecoderLayer> Load(const ModelConfig& config, int layer,
                                           WeightLoader weights);

  // h [rows, hidden] -> [rows, hidden]
  at::Tensor Forward(const at::Tensor& h, const StepInput& input, const RopeRows& rope,
                     KvCache* cache, const ControlPlan& plan) const;

 private:
  int layer_ = 0;
  int64_t head_dim_ = 0;
  double epsilon_ = 0;
  at::Tensor attn_norm_;  // [hidden], fp32
  at::Tensor mlp_norm_;   // [hidden], fp32
  Linear q_, k_, v_, o_, gate_, up_, down_;
};

// x * rsqrt(mean(x^2) + epsilon) * weight, in fp32, back in the type of x. `weight` is fp32.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

}  // namespace steer
