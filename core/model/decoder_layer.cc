#include "core/model/decoder_layer.h"

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/control/wide_type.h"
#include "core/model/checkpoint.h"

namespace steer {

absl::StatusOr<RmsNorm> RmsNorm::Load(const ModelConfig& config, absl::string_view name,
                                      int64_t width, WeightLoader& weights) {
  STEER_ASSIGN_OR_RETURN(at::Tensor weight, weights.TakeFloat(name, {width}));
  if (config.norm_offset != 0) weight = weight.add(config.norm_offset);
  return RmsNorm(std::move(weight), config.norm_epsilon);
}

at::Tensor RmsNorm::Forward(const at::Tensor& x) const {
  const at::Tensor wide = x.to(WideType(x.scalar_type()));
  const at::Tensor scale = wide.square().mean(-1, /*keepdim=*/true).add_(epsilon_).rsqrt_();
  return (wide * scale).mul_(weight_).to(x.scalar_type());
}

absl::StatusOr<DecoderLayer> DecoderLayer::Load(const Checkpoint& checkpoint, int layer,
                                                WeightLoader weights) {
  const ModelConfig& config = checkpoint.config;
  DecoderLayer block;
  block.attention_ = {.layer = layer,
                      .window = config.layer_configs[layer].window,
                      .scale = config.attention_scale,
                      .soft_cap = config.attention_soft_cap};
  block.head_dim_ = config.head_dim;
  block.rope_ = config.layer_configs[layer].rope;
  block.activation_ = config.activation;
  STEER_RETURN_IF_ERROR(block.LoadNorms(config, weights));
  STEER_RETURN_IF_ERROR(block.LoadLinears(checkpoint, weights));
  return block;
}

absl::Status DecoderLayer::LoadNorms(const ModelConfig& config, WeightLoader& weights) {
  struct Part {
    RmsNorm* norm;
    bool present;
    absl::string_view name;
    int64_t width;
  };
  const Part parts[] = {
      {&attn_norm_, true, "attn_norm.weight", config.hidden},
      {&mlp_norm_, true, "ffn_norm.weight", config.hidden},
      {&q_norm_, config.qk_norm, "attn_q_norm.weight", config.head_dim},
      {&k_norm_, config.qk_norm, "attn_k_norm.weight", config.head_dim},
      {&post_attn_norm_, config.post_norms, "post_attention_norm.weight", config.hidden},
      {&post_mlp_norm_, config.post_norms, "post_ffw_norm.weight", config.hidden}};
  for (const Part& part : parts) {
    if (!part.present) continue;
    STEER_ASSIGN_OR_RETURN(*part.norm, RmsNorm::Load(config, part.name, part.width, weights));
  }
  return absl::OkStatus();
}

absl::Status DecoderLayer::LoadLinears(const Checkpoint& checkpoint, WeightLoader& weights) {
  const ModelConfig& config = checkpoint.config;
  const ModelShape shape = config.shape();
  struct Part {
    Linear* linear;
    SiteKind kind;
    absl::string_view name;
    int64_t rotary_heads;  // 0 where rows keep their order
  };
  const bool interleaved = checkpoint.interleaved_rotary;
  const Part parts[] = {{&q_, SiteKind::kQProj, "attn_q", interleaved ? config.heads : 0},
                        {&k_, SiteKind::kKProj, "attn_k", interleaved ? config.kv_heads : 0},
                        {&v_, SiteKind::kVProj, "attn_v", 0},
                        {&o_, SiteKind::kOProj, "attn_output", 0},
                        {&gate_, SiteKind::kGateProj, "ffn_gate", 0},
                        {&up_, SiteKind::kUpProj, "ffn_up", 0},
                        {&down_, SiteKind::kDownProj, "ffn_down", 0}};
  for (const Part& part : parts) {
    STEER_ASSIGN_OR_RETURN(*part.linear,
                           Linear::Load(Site{attention_.layer, part.kind}, shape.Dims(part.kind),
                                        part.name, part.rotary_heads, weights));
  }
  return absl::OkStatus();
}

AttentionRows DecoderLayer::Rows(const at::Tensor& x, const LayerStep& step) const {
  const auto heads = [this](const at::Tensor& y) { return y.view({y.size(0), -1, head_dim_}); };
  const auto normed = [](const at::Tensor& y, const RmsNorm& norm) {
    return norm.present() ? norm.Forward(y) : y;
  };
  const auto turned = [&](const at::Tensor& y) {
    return rope_ < 0 ? y : Rotate(y, step.ropes[rope_]);
  };
  const at::Tensor q = normed(heads(q_.Forward(x, step.plan)), q_norm_);
  const at::Tensor k = normed(heads(k_.Forward(x, step.plan)), k_norm_);
  const at::Tensor v = heads(v_.Forward(x, step.plan));
  AttentionRows rows = {.q = turned(q), .k = turned(k), .v = v, .own_k = {}, .own_v = {}};
  rows.own_k = rows.k;
  rows.own_v = rows.v;

  const Site site{attention_.layer, SiteKind::kKv};
  const std::span<const PlannedTerm> terms = step.plan.At(site);
  const bool tapped = step.taps != nullptr && step.taps->contains(site);
  if (terms.empty() && !tapped) return rows;
  at::Tensor kv = at::cat({k.flatten(1), v.flatten(1)}, 1);  // [rows, 2 * kv_width]
  ApplyTerms(terms, SiteReads(), kv);
  if (tapped) (*step.taps)[site] = kv;
  if (terms.empty()) return rows;
  const std::vector<at::Tensor> halves = kv.chunk(2, 1);
  rows.k = turned(heads(halves[0]));
  rows.v = heads(halves[1]);
  rows.edited = step.plan.edited_rows();
  return rows;
}

at::Tensor DecoderLayer::Attention(const at::Tensor& x, const LayerStep& step) const {
  const at::Tensor out =
      o_.Forward(Attend(attention_, step.input, Rows(x, step), step.cache), step.plan);
  return post_attn_norm_.present() ? post_attn_norm_.Forward(out) : out;
}

at::Tensor DecoderLayer::Forward(const at::Tensor& h, const LayerStep& step) const {
  const ControlPlan& plan = step.plan;
  SiteReads reads;
  reads.block_in = h;
  reads.attn_in = attn_norm_.Forward(h);
  at::Tensor out = h + Attention(reads.attn_in, step);

  reads.mlp_in = mlp_norm_.Forward(out);
  const at::Tensor gate = gate_.Forward(reads.mlp_in, plan);
  reads.mlp_mid = (activation_ == Activation::kSilu ? at::silu(gate) : at::gelu(gate, "tanh"))
                      .mul_(up_.Forward(reads.mlp_in, plan));  // [rows, ffn]
  const at::Tensor mlp = down_.Forward(reads.mlp_mid, plan);
  // A new tensor: the norm's gradient needs what it has read.
  out = out + (post_mlp_norm_.present() ? post_mlp_norm_.Forward(mlp) : mlp);

  const Site site{attention_.layer, SiteKind::kBlockOut};
  ApplyTerms(plan.At(site), reads, out);
  if (step.taps != nullptr && step.taps->contains(site)) (*step.taps)[site] = out;
  return out;
}

std::vector<at::Tensor> DecoderLayer::weights() const {
  std::vector<at::Tensor> all;
  for (const Linear* linear : {&q_, &k_, &v_, &o_, &gate_, &up_, &down_}) {
    all.push_back(linear->weight());
    if (linear->bias().defined()) all.push_back(linear->bias());
  }
  for (const RmsNorm* norm :
       {&attn_norm_, &mlp_norm_, &q_norm_, &k_norm_, &post_attn_norm_, &post_mlp_norm_}) {
    if (norm->present()) all.push_back(norm->weight());
  }
  return all;
}

}  // namespace steer
