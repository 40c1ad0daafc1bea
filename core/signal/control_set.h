#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/signal/positions.h"
#include "core/signal/signal_kind.h"

namespace steer {

class ControlSignal;  // core/control: the signal's tensors on a device

// From `position` on, until the next run begins, these multipliers act.
struct MultiplierRun {
  int position = 0;
  double m1 = 0;  // scales dW, or all that a kind does which is not affine
  double m2 = 0;  // scales db; a vector has only this part, and what is not affine has m2 = m1
  bool operator==(const MultiplierRun&) const = default;
  bool off() const { return m1 == 0 && m2 == 0; }
};

// One signal of a request with its strength over time, resolved to an exact version at admission.
struct ControlEntry {
  std::string signal_id;
  SignalKind kind = SignalKind::kVector;
  std::shared_ptr<const ControlSignal> signal;
  std::vector<MultiplierRun> multipliers;  // by ascending position, the first at 0; at least one
  PositionRule positions;
};

// In the order of the request. At a site signals act by the order of their kinds (OrderOf in
// core/control), those of one order as listed here. No signal appears twice.
using ControlSet = std::vector<ControlEntry>;

// Positions on which one signal of a request acted, by stage: the receipt's proof.
struct SteeredTokens {
  int prompt = 0;
  int generated = 0;
  int reused = 0;  // of both: not computed here but found in the prefix cache
};

const MultiplierRun& MultipliersAt(const ControlEntry& entry, int position);
// From `position` on, 0 or more, `m1` and `m2` act; runs that would have begun later are gone.
void SetMultipliers(ControlEntry& entry, int position, double m1, double m2);
// Whether this position is one of the signal's, whatever its multipliers: one that its rule
// selects, and of a kv signal, which acts once, LastOfPrompt of them.
bool Selects(const ControlEntry& entry, const PromptLayout& layout, int position);
// Whether the signal acts on this position at all: selected, and a multiplier is not 0.
bool Acts(const ControlEntry& entry, const PromptLayout& layout, int position);
// Of the positions [begin, end), those on which it acts; `reused` stays 0.
SteeredTokens CountActing(const ControlEntry& entry, const PromptLayout& layout, int begin,
                          int end);

}  // namespace steer
