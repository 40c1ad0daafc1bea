#include "core/runtime/signal_use.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace steer {
namespace {

double ToThreeDigits(double value) {
  if (value == 0) return 0;
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(value))) - 2);
  return std::round(value / unit) * unit;
}

}  // namespace

void SignalUse::Add(const std::vector<ResolvedControl>& controls) {
  const MutexLock lock(mutex_);
  for (const ResolvedControl& control : controls) {
    if (control.m1 == 0 && control.m2 == 0) continue;
    const auto found = signals_.find(control.signal_id);
    if (found == signals_.end() && signals_.size() >= kMostSignals) continue;
    std::map<Key, int64_t>& counts = signals_[control.signal_id];
    const PositionRule& rule = control.positions;
    const Key key(rule.prompt, rule.generated, rule.exclude_template_head, rule.user_text_only,
                  ToThreeDigits(control.m1), ToThreeDigits(control.m2));
    if (counts.size() < kMostKeys || counts.contains(key)) ++counts[key];
  }
}

std::vector<SignalUse::Count> SignalUse::Take(const std::string& signal_id, size_t most) {
  std::map<Key, int64_t> counts;
  {
    const MutexLock lock(mutex_);
    const auto found = signals_.find(signal_id);
    if (found == signals_.end()) return {};
    counts = std::move(found->second);
    signals_.erase(found);
  }
  std::vector<Count> taken;
  for (const auto& [key, uses] : counts) {
    const auto& [prompt, generated, head, user_text, m1, m2] = key;
    taken.push_back({{prompt, generated, head, user_text}, m1, m2, uses});
  }
  std::stable_sort(taken.begin(), taken.end(), [](const Count& a, const Count& b) {
    if (a.uses != b.uses) return a.uses > b.uses;
    return std::abs(a.m1) < std::abs(b.m1);
  });
  if (taken.size() > most) taken.resize(most);
  return taken;
}

}  // namespace steer
