#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/control/control_signal.h"
#include "core/signal/control_set.h"

namespace steer {

// One signal's update at one site for the rows of this step that asked for it.
struct PlannedTerm {
  // Owned by the signal, which the requests in the step keep alive.
  const SignalTerm* term = nullptr;
  at::Tensor rows;  // int64 [n], ascending row numbers; undefined when all rows are meant
  at::Tensor m1;    // fp32 [n, 1]; undefined where the term has no weight part
  at::Tensor m2;    // fp32 [n, 1]; undefined where it has no bias part of its own
};

// The rows of one sequence in a step and what they ask for.
struct ControlledRows {
  int row_begin = 0;
  int count = 0;
  int position = 0;  // of the first row
  int fresh = 0;     // the first position that counts as steered: those before ran already
  PromptLayout layout;
  const ControlSet* controls = nullptr;
};

// One step's table: site -> terms, in the order in which they act: by OrderOf, and within it as the
// requests list them. Rows on which both multipliers
// are 0 are left out, so that m = 0 is the plain model bit for bit and no row is ever multiplied by
// zero for another's signal. Immutable.
class ControlPlan {
 public:
  ControlPlan() = default;
  // Made by hand: of terms that learn.
  explicit ControlPlan(std::map<Site, std::vector<PlannedTerm>> terms) : terms_(std::move(terms)) {}
  // `steered`, when given, gets for each sequence and each of its controls the number of its fresh
  // rows that are in the plan, by stage.
  static ControlPlan Build(std::span<const ControlledRows> sequences, int total_rows,
                           at::Device device,
                           std::vector<std::vector<SteeredTokens>>* steered = nullptr);

  // Empty for a site where nothing acts.
  std::span<const PlannedTerm> At(Site site) const;
  // The rows whose keys and values are changed at some site `kv`, ascending.
  std::span<const int64_t> edited_rows() const { return edited_rows_; }
  bool empty() const { return terms_.empty(); }

 private:
  std::map<Site, std::vector<PlannedTerm>> terms_;
  std::vector<int64_t> edited_rows_;
};

}  // namespace steer
