#include "core/control/composition.h"

#include <cstddef>
#include <map>
#include <variant>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/control/control_signal.h"
#include "core/signal/signal_tensors.h"

namespace steer {
namespace {

// What one signal guarantees something along, at one site.
struct Guarantee {
  size_t control = 0;
  at::Tensor directions;  // [rank, hidden], unit rows
};

// Undefined where the kind guarantees nothing.
at::Tensor Directions(const SignalTerm& term) {
  if (const auto* clamp = std::get_if<ClampTerm>(&term.change)) return clamp->w;
  if (const auto* null_out = std::get_if<NullOutTerm>(&term.change))
    return (null_out->w / null_out->w.norm()).unsqueeze(0);
  return {};
}

bool ShareTokens(const PositionRule& a, const PositionRule& b) {
  return (a.prompt && b.prompt) || (a.generated && b.generated);
}

bool AreOrthogonal(const at::Tensor& a, const at::Tensor& b) {
  return at::linear(a, b).abs().max().item<double>() <= kOrthonormalTolerance;
}

}  // namespace

absl::Status CheckComposition(const ControlSet& controls) {
  std::map<Site, std::vector<Guarantee>> sites;
  for (size_t i = 0; i < controls.size(); ++i) {
    for (const SignalTerm& term : controls[i].signal->terms()) {
      const at::Tensor directions = Directions(term);
      if (!directions.defined()) continue;
      std::vector<Guarantee>& before = sites[term.site];
      for (const Guarantee& other : before) {
        if (!ShareTokens(controls[i].positions, controls[other.control].positions) ||
            AreOrthogonal(directions, other.directions))
          continue;
        return InvalidField(
            absl::StrCat("controls[", i, "].signal"),
            absl::StrCat("directions at ", ToString(term.site),
                         " that are not orthogonal to those of controls[", other.control, "]"),
            "of clamps and null-outs on the same tokens of a site only orthogonal directions: each "
            "would break what the other guarantees");
      }
      before.push_back({i, directions});
    }
  }
  return absl::OkStatus();
}

}  // namespace steer
