#include "core/control/apply.h"

#include <variant>

#include "ATen/ATen.h"
#include "core/base/overloaded.h"
#include "core/control/wide_type.h"

namespace steer {
namespace {

const at::Tensor& ReadOf(const SiteReads& reads, Read read) {
  switch (read) {
    case Read::kBlockIn:
      return reads.block_in;
    case Read::kAttnIn:
      return reads.attn_in;
    case Read::kMlpIn:
      return reads.mlp_in;
    case Read::kMlpMid:
      return reads.mlp_mid;
    case Read::kSiteInput:
    case Read::kBlockOut:
      break;
  }
  return reads.input;
}

// What the planned rows read: [n, in].
at::Tensor RowsRead(const SiteReads& reads, Read read, const at::Tensor& rows,
                    const at::Tensor& y) {
  const at::Tensor& x = read == Read::kBlockOut ? y : ReadOf(reads, read);
  if (rows.defined()) return x.index_select(0, rows);
  // What is read is about to change, and a gradient needs it as it was.
  return read == Read::kBlockOut ? x.clone() : x;
}

// The change of `n` rows, wide [n, out].
at::Tensor AffineDelta(const AffineTerm& term, const PlannedTerm& planned, const SiteReads& reads,
                       const at::Tensor& y) {
  at::Tensor delta;
  if (term.a.defined() || term.dw.defined()) {
    const at::Tensor x = RowsRead(reads, term.read, planned.rows, y);
    const at::Tensor dy =
        term.dw.defined() ? at::linear(x, term.dw) : at::linear(at::linear(x, term.a), term.b);
    delta = dy.to(WideType(dy.scalar_type())) * planned.m1;  // [n, out]
  }
  if (term.db.defined()) {
    const at::Tensor bias = planned.m2 * term.db;  // [n, out]
    delta = delta.defined() ? delta.add_(bias) : bias;
  }
  return delta;
}

void Add(const at::Tensor& delta, const at::Tensor& rows, at::Tensor& y) {
  const at::ScalarType wide = WideType(y.scalar_type());
  if (rows.defined()) {
    const at::Tensor sum = y.index_select(0, rows).to(wide).add_(delta);
    y.index_copy_(0, rows, sum.to(y.scalar_type()));
  } else if (y.scalar_type() == wide) {
    y.add_(delta);
  } else {
    y.copy_(y.to(wide).add_(delta));
  }
}

// Of the kinds that read what they change.
template <typename Term>
void Change(const Term& term, const PlannedTerm& planned, at::Tensor& y) {
  const at::Tensor h = (planned.rows.defined() ? y.index_select(0, planned.rows) : y)
                           .to(WideType(y.scalar_type()));  // [n, hidden]
  const at::Tensor sum = (h + Delta(term, h) * planned.m1).to(y.scalar_type());
  if (planned.rows.defined()) {
    y.index_copy_(0, planned.rows, sum);
  } else {
    y = sum;  // not in place: the gradient needs what was read
  }
}

}  // namespace

void ApplyTerms(std::span<const PlannedTerm> terms, const SiteReads& reads, at::Tensor& y) {
  for (const PlannedTerm& planned : terms) {
    std::visit(Overloaded{[&](const AffineTerm& term) {
                            Add(AffineDelta(term, planned, reads, y), planned.rows, y);
                          },
                          [&](const auto& term) { Change(term, planned, y); }},
               planned.term->change);
  }
}

}  // namespace steer
