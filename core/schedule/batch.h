#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "core/schedule/sequence.h"

namespace steer {

// One step's plan: for each scheduled sequence how many of its tokens run. Prefill, decode and
// chunks are all just numbers here. Rows of the step are the tokens of all entries, one after
// another.
struct BatchEntry {
  Sequence* sequence = nullptr;  // owned by the scheduler
  int begin = 0;                 // first position that runs; == sequence->computed
  int count = 0;                 // positions [begin, begin + count)
  bool samples = false;          // the last of these positions yields a new token
};

struct Batch {
  std::vector<BatchEntry> entries;
  bool empty() const { return entries.empty(); }
};

// What came out of a step, parallel to Batch::entries.
struct EntryResult {
  absl::Status status;           // an error ends this sequence alone
  std::optional<TokenId> token;  // set where `samples`
  float log_prob = 0;            // of `token`, raw distribution
  std::vector<double>
      forced_log_probs;  // of the forced tokens predicted by this entry's positions, in order
  std::vector<SteeredTokens>
      steered;  // rows on which each control of the request acted in this step
};

struct StepResult {
  std::vector<EntryResult> entries;
};

}  // namespace steer
