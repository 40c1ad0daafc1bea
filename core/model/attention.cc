#include "core/model/attention.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "ATen/ATen.h"
#include "core/base/check.h"
#include "core/control/wide_type.h"

namespace steer {
namespace {

// Up to this many rows the query heads of a group are stacked as rows of one small product per key
// head, which on CPUs is several times faster than the fused kernel with repeated keys.
constexpr int64_t kStackedRows = 4;

// The stacked road holds a score per query head, row and key: it takes so many rows at a time that
// they stay below this (32 MiB of fp32).
constexpr int64_t kStackedScores = int64_t{1} << 23;

// A window makes short work of long prompts only if rows far apart do not share one product: each
// slice of rows sees its own keys and nothing before them.
constexpr int64_t kWindowSlice = 256;

// Queries of consecutive positions and the keys they may see, up to the last query's own.
struct Slice {
  at::Tensor q;     // [n, heads, head_dim]
  at::Tensor k, v;  // [length, kv_heads, head_dim]
};

// Which key (columns) a query (rows) must not see; nullopt where each sees all. Row i stands at
// column length - n + i.
std::optional<at::Tensor> Hidden(const Slice& slice, int window) {
  const int64_t n = slice.q.size(0), length = slice.k.size(0);
  const bool windowed = window > 0 && length > window;
  if (n == 1 && !windowed) return std::nullopt;
  const at::Tensor all = at::ones({n, length}, at::dtype(at::kBool).device(slice.q.device()));
  at::Tensor hidden = all.triu(length - n + 1);
  if (windowed) hidden.logical_or_(all.tril(length - n - window));
  return hidden;
}

at::Tensor AttendStacked(const AttentionConfig& config, const Slice& slice) {
  const int64_t n = slice.q.size(0), heads = slice.q.size(1), d = slice.q.size(2);
  const int64_t length = slice.k.size(0), kv_heads = slice.k.size(1), group = heads / kv_heads;
  const at::Tensor stacked =
      slice.q.view({n, kv_heads, group, d}).transpose(0, 1).reshape({kv_heads, n * group, d});
  at::Tensor scores = at::bmm(stacked, slice.k.permute({1, 2, 0}))
                          .to(WideType(slice.q.scalar_type()));  // [kv_heads, n * group, length]
  if (config.soft_cap > 0) {
    // The product is a new tensor: the gradient of tanh needs its result.
    scores = scores.mul_(config.scale / config.soft_cap).tanh_().mul(config.soft_cap);
  } else {
    scores.mul_(config.scale);
  }
  if (const std::optional<at::Tensor> hidden = Hidden(slice, config.window); hidden.has_value()) {
    scores.view({kv_heads, n, group, length})
        .masked_fill_(hidden->view({1, n, 1, length}), -std::numeric_limits<double>::infinity());
  }
  const at::Tensor weights = scores.softmax(-1).to(slice.v.scalar_type());
  return at::bmm(weights, slice.v.transpose(0, 1))  // [kv_heads, n * group, d]
      .view({kv_heads, n, group, d})
      .transpose(0, 1)
      .reshape({n, heads, d});
}

at::Tensor AttendFused(const AttentionConfig& config, const Slice& slice) {
  const int64_t n = slice.q.size(0), length = slice.k.size(0);
  const int64_t group = slice.q.size(1) / slice.k.size(1);
  const auto by_head = [](const at::Tensor& x) {
    return x.transpose(0, 1).unsqueeze(0);
  };  // [1, heads, rows, d]
  std::optional<at::Tensor> mask;
  if (length != n || (config.window > 0 && length > config.window)) {
    mask = Hidden(slice, config.window);
    if (mask.has_value()) mask = mask->logical_not();
  }
  const at::Tensor out = at::scaled_dot_product_attention(
      by_head(slice.q), by_head(slice.k.repeat_interleave(group, 1)),
      by_head(slice.v.repeat_interleave(group, 1)), mask,
      /*dropout_p=*/0.0, /*is_causal=*/length == n && !mask.has_value(), config.scale);
  return out.squeeze(0).transpose(0, 1);  // [n, heads, d]
}

// How many rows of a sequence go into one slice.
int64_t SliceRows(const AttentionConfig& config, const Slice& sequence, bool stacked) {
  const int64_t n = sequence.q.size(0), length = sequence.k.size(0);
  const bool windowed = config.window > 0 && length > config.window;
  int64_t rows = windowed ? std::max<int64_t>(kWindowSlice, config.window) : n;
  if (stacked) {
    const int64_t keys = windowed ? std::min(length, rows + config.window) : length;
    rows = std::min(rows, std::max<int64_t>(1, kStackedScores / (sequence.q.size(1) * keys)));
  }
  return std::min(rows, n);
}

// One sequence, its last key that of its last query: to `out` pieces of [rows, heads, head_dim].
void AttendSequence(const AttentionConfig& config, const Slice& sequence,
                    std::vector<at::Tensor>& out) {
  const int64_t n = sequence.q.size(0), before = sequence.k.size(0) - n;
  // The fused kernel knows no soft cap.
  const bool stacked = n <= kStackedRows || config.soft_cap > 0;
  const int64_t rows = SliceRows(config, sequence, stacked);
  for (int64_t begin = 0; begin < n; begin += rows) {
    const int64_t count = std::min(rows, n - begin), end = before + begin + count;
    const int64_t first =
        config.window > 0 ? std::max<int64_t>(0, before + begin - config.window + 1) : 0;
    const Slice slice = {sequence.q.narrow(0, begin, count),
                         sequence.k.narrow(0, first, end - first),
                         sequence.v.narrow(0, first, end - first)};
    out.push_back(stacked ? AttendStacked(config, slice) : AttendFused(config, slice));
  }
}

// One sequence of which some rows, `edited`, see themselves otherwise than later ones see them: a
// pass for the rows up to each, with the keys before it as they are seen and all others as their
// own rows see them. So the rows up to the first are the unedited model's, bit for bit, and what is
// kept of them serves requests without the edit.
void AttendEdited(const AttentionConfig& config, const Slice& sequence, const AttentionRows& rows,
                  std::span<const int64_t> edited, int row_begin, std::vector<at::Tensor>& out) {
  const int64_t n = sequence.q.size(0), before = sequence.k.size(0) - n;
  int64_t begin = 0;
  for (const int64_t row : edited) {
    const int64_t last = row - row_begin;
    const auto with_own = [&](const at::Tensor& seen, const at::Tensor& own) {
      return at::cat({seen.narrow(0, 0, before + last), own.narrow(0, row, n - last)});
    };
    std::vector<at::Tensor> rest;
    AttendSequence(config,
                   {sequence.q.narrow(0, begin, n - begin), with_own(sequence.k, rows.own_k),
                    with_own(sequence.v, rows.own_v)},
                   rest);
    out.push_back(at::cat(rest).narrow(0, 0, last + 1 - begin));
    begin = last + 1;
  }
  if (begin == n) return;
  AttendSequence(config, {sequence.q.narrow(0, begin, n - begin), sequence.k, sequence.v}, out);
}

// Keys and values of a sequence from the cache, without what lies before its first row's window.
Slice Cached(const AttentionConfig& config, const SequenceRows& sequence, const at::Tensor& q,
             const KvCache& cache) {
  const KeptPositions& kept = sequence.kept[cache.group(config.layer)];
  const int first = config.window > 0 ? std::max(0, sequence.position - config.window + 1) : 0;
  STEER_CHECK(kept.begin <= first);
  const int64_t skip = std::max(0, first - kept.begin);
  const auto [k, v] =
      cache.Gather(config.layer, kept.slots.narrow(0, skip, kept.slots.size(0) - skip));
  return {q, k, v};
}

// Keys and values of a sequence from the rows of this step.
Slice WithinStep(const SequenceRows& sequence, const AttentionRows& rows) {
  const auto gather = [&sequence](const at::Tensor& x) {
    const at::Tensor own = x.narrow(0, sequence.row_begin, sequence.count);
    if (sequence.before.empty()) return own;
    std::vector<at::Tensor> parts;
    for (const RowRange& range : sequence.before)
      parts.push_back(x.narrow(0, range.begin, range.count));
    parts.push_back(own);
    return at::cat(parts);
  };
  return {rows.q.narrow(0, sequence.row_begin, sequence.count), gather(rows.k), gather(rows.v)};
}

}  // namespace

at::Tensor Attend(const AttentionConfig& config, const StepInput& input, const AttentionRows& rows,
                  KvCache* cache) {
  if (cache != nullptr) {
    cache->Append(config.layer, input.new_slots[cache->group(config.layer)], rows.k, rows.v);
  }
  std::vector<at::Tensor> out;  // in the order of the rows
  for (const SequenceRows& sequence : input.sequences) {
    const at::Tensor q = rows.q.narrow(0, sequence.row_begin, sequence.count);
    const Slice slice = cache != nullptr && sequence.position > 0
                            ? Cached(config, sequence, q, *cache)
                            : WithinStep(sequence, rows);
    const auto edited = [&](int row) {
      return std::lower_bound(rows.edited.begin(), rows.edited.end(), row);
    };
    AttendEdited(config, slice, rows,
                 {edited(sequence.row_begin), edited(sequence.row_begin + sequence.count)},
                 sequence.row_begin, out);
  }
  return at::cat(out).view({rows.q.size(0), -1});
}

}  // namespace steer
