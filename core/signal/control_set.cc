#include "core/signal/control_set.h"

#include <algorithm>
#include <iterator>

#include "core/base/check.h"

namespace steer {

const MultiplierRun& MultipliersAt(const ControlEntry& entry, int position) {
  const auto after = std::upper_bound(
      entry.multipliers.begin(), entry.multipliers.end(), position,
      [](int position, const MultiplierRun& run) { return position < run.position; });
  STEER_CHECK(after != entry.multipliers.begin());
  return *std::prev(after);
}

void SetMultipliers(ControlEntry& entry, int position, double m1, double m2) {
  STEER_CHECK(!entry.multipliers.empty() && position >= 0);
  while (!entry.multipliers.empty() && entry.multipliers.back().position >= position) {
    entry.multipliers.pop_back();
  }
  if (!entry.multipliers.empty()) {
    const MultiplierRun& last = entry.multipliers.back();
    if (last.m1 == m1 && last.m2 == m2) return;
  }
  entry.multipliers.push_back({.position = position, .m1 = m1, .m2 = m2});
}

bool Selects(const ControlEntry& entry, const PromptLayout& layout, int position) {
  return entry.kind == SignalKind::kKv ? position == LastOfPrompt(entry.positions, layout)
                                       : Selects(entry.positions, layout, position);
}

bool Acts(const ControlEntry& entry, const PromptLayout& layout, int position) {
  return Selects(entry, layout, position) && !MultipliersAt(entry, position).off();
}

SteeredTokens CountActing(const ControlEntry& entry, const PromptLayout& layout, int begin,
                          int end) {
  SteeredTokens count;
  for (int position = begin; position < end; ++position) {
    if (!Acts(entry, layout, position)) continue;
    ++(position < layout.prompt_length - 1 ? count.prompt : count.generated);
  }
  return count;
}

}  // namespace steer
