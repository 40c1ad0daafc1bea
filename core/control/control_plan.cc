#include "core/control/control_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ATen/ATen.h"

namespace steer {
namespace {

// The rows of one signal. A signal acts at most once per row.
struct SignalRows {
  const ControlSignal* signal = nullptr;
  std::vector<int64_t> rows;
  std::vector<float> m1;
  std::vector<float> m2;
};

SignalRows& GroupOf(const ControlSignal* signal, std::vector<SignalRows>& groups) {
  for (SignalRows& group : groups) {
    if (group.signal == signal) return group;
  }
  return groups.emplace_back(SignalRows{signal, {}, {}, {}});
}

at::Tensor Column(const std::vector<float>& values, at::Device device) {
  return at::tensor(values, at::dtype(at::kFloat)).unsqueeze(1).to(device);  // [n, 1]
}

}  // namespace

ControlPlan ControlPlan::Build(std::span<const ControlledRows> sequences, int total_rows,
                               at::Device device,
                               std::vector<std::vector<SteeredTokens>>* steered) {
  if (steered != nullptr) steered->assign(sequences.size(), {});
  // Grouped by place in the request's list and then by signal: each row meets its own signals in
  // its own order, whatever order its neighbours use.
  std::vector<std::vector<SignalRows>> groups;
  for (size_t s = 0; s < sequences.size(); ++s) {
    const ControlledRows& sequence = sequences[s];
    const ControlSet& controls = *sequence.controls;
    if (steered != nullptr) (*steered)[s].assign(controls.size(), {});
    if (groups.size() < controls.size()) groups.resize(controls.size());
    for (size_t place = 0; place < controls.size(); ++place) {
      const ControlEntry& entry = controls[place];
      SignalRows* group = nullptr;
      for (int i = 0; i < sequence.count; ++i) {
        const int position = sequence.position + i;
        if (!Acts(entry, sequence.layout, position)) continue;
        if (group == nullptr) group = &GroupOf(entry.signal.get(), groups[place]);
        const MultiplierRun& run = MultipliersAt(entry, position);
        group->rows.push_back(sequence.row_begin + i);
        group->m1.push_back(static_cast<float>(run.m1));
        group->m2.push_back(static_cast<float>(run.m2));
        if (steered == nullptr || position < sequence.fresh) continue;
        SteeredTokens& count = (*steered)[s][place];
        ++(position < sequence.layout.prompt_length - 1 ? count.prompt : count.generated);
      }
    }
  }

  ControlPlan plan;
  std::set<int64_t> edited;
  for (const std::vector<SignalRows>& place : groups) {
    for (const SignalRows& group : place) {
      PlannedTerm planned;
      if (static_cast<int>(group.rows.size()) < total_rows) {
        planned.rows = at::tensor(group.rows, at::dtype(at::kLong)).to(device);  // [n]
      }
      planned.m1 = Column(group.m1, device);
      planned.m2 = Column(group.m2, device);
      for (const SignalTerm& term : group.signal->terms()) {
        planned.term = &term;
        plan.terms_[term.site].push_back(planned);
        if (term.site.kind == SiteKind::kKv) edited.insert(group.rows.begin(), group.rows.end());
      }
    }
  }
  plan.edited_rows_.assign(edited.begin(), edited.end());
  for (auto& [site, terms] : plan.terms_) {
    std::stable_sort(terms.begin(), terms.end(), [](const PlannedTerm& a, const PlannedTerm& b) {
      return OrderOf(*a.term) < OrderOf(*b.term);
    });
  }
  return plan;
}

std::span<const PlannedTerm> ControlPlan::At(Site site) const {
  if (terms_.empty()) return {};
  const auto it = terms_.find(site);
  if (it == terms_.end()) return {};
  return it->second;
}

}  // namespace steer
