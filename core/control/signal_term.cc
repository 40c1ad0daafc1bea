#include "core/control/signal_term.h"

#include "ATen/ATen.h"
#include "core/base/check.h"

namespace steer {
namespace {

// [2 * kv_width]: of the keys, then of the values; 0 where a part is absent.
at::Tensor KeysAndValues(const at::Tensor& k, const at::Tensor& v) {
  const at::Tensor none = at::zeros_like(k.defined() ? k : v);
  return at::cat({k.defined() ? k : none, v.defined() ? v : none}).flatten();
}

}  // namespace

int OrderOf(const SignalTerm& term) {
  return std::visit([]<typename Change>(const Change&) { return Change::kOrder; }, term.change);
}

SignalTerm MakeTerm(SignalKind kind, Nonlinearity phi, Site site, Read read,
                    const std::map<std::string, at::Tensor>& tensors) {
  const auto of = [&](const char* name) {
    const auto found = tensors.find(name);
    return found == tensors.end() ? at::Tensor() : found->second;
  };
  switch (kind) {
    case SignalKind::kVector:
      return {site, AffineTerm{.read = read, .db = of("v")}};
    case SignalKind::kLora:
    case SignalKind::kLocalWeight:
      return {site, AffineTerm{read, of("A"), of("B"), of("dW"), of("db")}};
    case SignalKind::kBottleneck:
      return {site, BottleneckTerm{phi, of("D"), of("U"), of("e"), of("b")}};
    case SignalKind::kFeatureShift:
      return {site, FeatureShiftTerm{of("W_enc"), of("b_enc"), of("W_dec"), of("W_a"), of("b_a"),
                                     of("tau"), of("threshold")}};
    case SignalKind::kLowRankAffine:
      return {site, LowRankAffineTerm{of("R"), of("W"), of("b")}};
    case SignalKind::kClamp:
      return {site, ClampTerm{of("W"), of("a")}};
    case SignalKind::kNullOut:
      return {site, NullOutTerm{of("w"), of("b")}};
    case SignalKind::kKv:
      return {site, AffineTerm{.db = KeysAndValues(of("S_k"), of("S_v"))}};
  }
  STEER_CHECK(false);
  return {};
}

}  // namespace steer
