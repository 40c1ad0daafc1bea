#pragma once

#include <map>
#include <string>
#include <variant>

#include "ATen/core/Tensor.h"
#include "core/control/kinds/bottleneck.h"
#include "core/control/kinds/clamp.h"
#include "core/control/kinds/feature_shift.h"
#include "core/control/kinds/low_rank_affine.h"
#include "core/control/kinds/null_out.h"
#include "core/signal/signal_data.h"
#include "core/signal/site.h"

namespace steer {

// y + m1 dW x + m2 db, with dW = B A for a LoRA. Undefined tensors are absent parts.
struct AffineTerm {
  static constexpr int kOrder = 0;
  Read read = Read::kSiteInput;
  at::Tensor a;   // [rank, in], compute type
  at::Tensor b;   // [out, rank], compute type
  at::Tensor dw;  // [out, in], compute type
  at::Tensor db;  // [out], wide (see WideType); a vector's v; S_k and S_v as [2 * kv_width]
};

// A signal's update at one site. The other kinds' tensors are wide, and m1 scales all they do.
struct SignalTerm {
  Site site;
  std::variant<AffineTerm, BottleneckTerm, FeatureShiftTerm, LowRankAffineTerm, ClampTerm,
               NullOutTerm>
      change;
};

// Terms of a lower order act first at a site; those of equal order as the request lists them. What
// guarantees something of h', a clamp or a null-out, comes last, or it would guarantee nothing.
int OrderOf(const SignalTerm& term);

// The term of a signal of this kind; `tensors` by the names of SiteUpdate, of the types that their
// term says.
SignalTerm MakeTerm(SignalKind kind, Nonlinearity phi, Site site, Read read,
                    const std::map<std::string, at::Tensor>& tensors);

}  // namespace steer
