#include "core/model/decoder_layer.h"

#include "ATen/ATen.h"
#include "core/base/status_macros.h"

namespace steer {

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor scale = wide.square().mean(-1, /*keepdim=*/true).add_(epsilon).rsqrt_();
  return (wide * scale).mul_(weight).to(x.scalar_type());
}

absl::StatusOr<DecoderLayer> DecoderLayer::Load(const ModelConfig& config, int layer,
                                                WeightLoader weights) {
  const ModelShape shape = config.shape();
  DecoderLayer block;
  block.layer_ = layer;
  block.head_dim_ = config.head_dim;
  block.epsilon_ = config.norm_epsilon;
  STEER_ASSIGN_OR_RETURN(block.attn_norm_, weights.TakeFloat("attn_norm.weight", {config.hidden}));
  STEER_ASSIGN_OR_RETURN(block.mlp_norm_, weights.TakeFloat("ffn_norm.weight", {config.hidden}));

  struct Part {
    Linear* linear;
    SiteKind kind;
    absl::string_view name;
    int64_t rotary_heads;  // 0 where rows keep their order
  };
  const Part parts[] = {{&block.q_, SiteKind::kQProj, "attn_q.weight", config.heads},
                        {&block.k_, SiteKind::kKProj, "attn_k.weight", config.kv_heads},
                        {&block.v_, SiteKind::kVProj, "attn_v.weight", 0},
                        {&block.o_, SiteKind::kOProj, "attn_output.weight", 0},
                        {&block.gate_, SiteKind::kGateProj, "ffn_gate.weight", 0},
                        {&block.up_, SiteKind::kUpProj, "ffn_up.weight", 0},
                        {&block.down_, SiteKind::kDownProj, "ffn_down.weight", 0}};
  for (const Part& part : parts) {
    const SiteDims dims = shape.Dims(part.kind);
    const std::vector<int64_t> widths = {dims.out, dims.in};
    STEER_ASSIGN_OR_RETURN(const at::Tensor weight,
                           part.rotary_heads > 0
                               ? weights.TakeRotary(part.name, widths, part.rotary_heads)
                               : weights.Take(part.name, widths));
    *part.linear = Linear(Site{layer, part.kind}, weight, at::Tensor());
  }
  return block;
}

at::Tensor DecoderLayer::Forward(const at::Tensor& h, const StepInput& input, const RopeRows& rope,
                                 KvCache* cache, const ControlPlan& plan) const {
  const int64_t rows = h.size(0);
  SiteReads reads;
  reads.block_in = h;
  reads.attn_in = RmsNorm(h, attn_norm_, epsilon_);
  const auto heads = [&](const at::Tensor& x) { return x.view({rows, -1, head_dim_}); };
  const at::Tensor q =
      Rotate(heads(q_.Forward(reads.attn_in, plan)), rope);  // [rows, heads, head_dim]
  const at::Tensor k =
      Rotate(heads(k_.Forward(reads.attn_in, plan)), rope);     // [rows, kv_heads, head_dim]
  const at::Tensor v = heads(v_.Forward(reads.attn_in, plan));  // [rows, kv_heads, head_dim]
  at::Tensor out = h + o_.Forward(Attend(input, layer_, q, k, v, cache), plan);

  reads.mlp_in = RmsNorm(out, mlp_norm_, epsilon_);
  reads.mlp_mid = at::silu(gate_.Forward(reads.mlp_in, plan))
                      .mul_(up_.Forward(reads.mlp_in, plan));  // [rows, ffn]
  out.add_(down_.Forward(reads.mlp_mid, plan));

  const std::span<const PlannedTerm> terms = plan.At(Site{layer_, SiteKind::kBlockOut});
  if (!terms.empty()) ApplyTerms(terms, reads, out);
  return out;
}

}  // namespace steer
