#include "core/model/attention.h"

#include <cmath>
#include <limits>

#include "ATen/ATen.h"

namespace steer {
namespace {

// Up to this many rows the query heads of a group are stacked as rows of one small product per key
// head, which on CPUs is several times faster than the fused kernel with repeated keys.
constexpr int kStackedRows = 4;

// q [n, heads, d], k and v [length, kv_heads, d] -> [n, heads, d]; row i sees positions 0 .. length
// - n + i.
at::Tensor AttendStacked(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t n = q.size(0), heads = q.size(1), d = q.size(2), kv_heads = k.size(1),
                length = k.size(0);
  const int64_t group = heads / kv_heads;
  const at::Tensor stacked =
      q.view({n, kv_heads, group, d}).transpose(0, 1).reshape({kv_heads, n * group, d});
  at::Tensor scores =
      at::bmm(stacked, k.permute({1, 2, 0})).to(at::kFloat);  // [kv_heads, n * group, length]
  scores.mul_(1.0 / std::sqrt(static_cast<double>(d)));
  if (n > 1) {
    const at::Tensor future =
        at::ones({n, length}, at::dtype(at::kBool).device(q.device())).triu(length - n + 1);
    scores.view({kv_heads, n, group, length})
        .masked_fill_(future.view({1, n, 1, length}), -std::numeric_limits<float>::infinity());
  }
  const at::Tensor weights = scores.softmax(-1).to(v.scalar_type());
  return at::bmm(weights, v.transpose(0, 1))  // [kv_heads, n * group, d]
      .view({kv_heads, n, group, d})
      .transpose(0, 1)
      .reshape({n, heads, d});
}

at::Tensor AttendFused(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const int64_t n = q.size(0), length = k.size(0), group = q.size(1) / k.size(1);
  const auto by_head = [](const at::Tensor& x) {
    return x.transpose(0, 1).unsqueeze(0);
  };  // [1, heads, rows, d]
  std::optional<at::Tensor> mask;
  if (length != n) {
    mask = at::ones({n, length}, at::dtype(at::kBool).device(q.device())).tril(length - n);
  }
  const at::Tensor out =
      at::scaled_dot_product_attention(by_head(q), by_head(k.repeat_interleave(group, 1)),
                                       by_head(v.repeat_interleave(group, 1)), mask,
                                       /*dropout_p=*/0.0, /*is_causal=*/!mask.has_value());
  return out.squeeze(0).transpose(0, 1);  // [n, heads, d]
}

}  // namespace

at::Tensor Attend(const StepInput& input, int layer, const at::Tensor& q, const at::Tensor& k,
                  const at::Tensor& v, KvCache* cache) {
  const int group = cache != nullptr ? cache->group(layer) : 0;
  if (cache != nullptr) cache->Append(layer, input.new_slots[group], k, v);
  at::Tensor out = at::empty_like(q);  // [rows, heads, head_dim]
  for (const SequenceRows& sequence : input.sequences) {
    const at::Tensor queries = q.narrow(0, sequence.row_begin, sequence.count);
    at::Tensor keys, values;
    if (cache != nullptr && sequence.position > 0) {
      std::tie(keys, values) = cache->Gather(layer, sequence.kept[group].slots);
    } else {
      keys = k.narrow(0, sequence.row_begin, sequence.count);
      values = v.narrow(0, sequence.row_begin, sequence.count);
    }
    const at::Tensor attended = sequence.count <= kStackedRows
                                    ? AttendStacked(queries, keys, values)
                                    : AttendFused(queries, keys, values);
    out.narrow(0, sequence.row_begin, sequence.count).copy_(attended);
  }
  return out.view({q.size(0), -1});
}

}  // namespace steer
