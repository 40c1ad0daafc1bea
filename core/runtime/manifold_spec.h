#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/analysis/manifold.h"
#include "core/runtime/specs.h"
#include "core/signal/site.h"

// What callers ask of the manifold view, and what they are told; see ManifoldViewer.

namespace steer {

// Of one signal; the multipliers of `control` do not matter.
struct ManifoldSpec : QuestionSetSpec {
  ControlSpec control;
  std::vector<double> multipliers;
  std::optional<Site> site;  // a block_out; default: of the lowest block that the signal steers
  SubspaceSize size;
  std::string curve_id;  // whose D is told; empty for none
};

struct ManifoldSummary {
  ResolvedControl control;
  Site site;
  int64_t width = 0;
  int questions = 0;
  int64_t tokens = 0;  // that were looked at
  ComponentCount size;
  double plain_norm = 0;  // means over the tokens
  double plain_distance = 0;
  std::string preference_missing;  // why the curve has no D; empty without a curve
  std::string utility_missing;
};

// Calls come one at a time, on the thread that asked. False from either stops with CANCELLED.
struct ManifoldListener {
  std::function<bool(const ManifoldPoint&)> on_point;  // in the order of the multipliers
  // Of (question, multiplier), the plain model first and once more.
  std::function<bool(int64_t done, int64_t total)> on_progress;
};

}  // namespace steer
