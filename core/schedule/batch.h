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
  // The first position of these that never ran before: recomputation after a preemption tells
  // nothing twice. In [begin, begin + count].
  int fresh = 0;
  bool samples = false;  // the last of these positions yields a new token

  int end() const { return begin + count; }
  // Positions of this entry whose known next token is judged: the fresh ones among
  // Request::forced().
  PositionRange forced() const;
};

struct Batch {
  std::vector<BatchEntry> entries;
  bool empty() const { return entries.empty(); }
  int rows() const;
};

// What came out of a step, parallel to Batch::entries.
struct EntryResult {
  absl::Status status;                   // an error ends this sequence alone
  std::optional<TokenId> token;          // set where `samples`
  float log_prob = 0;                    // of `token`, raw distribution
  TopLogProbs top;                       // beside `token`, if asked for
  std::vector<double> forced_log_probs;  // parallel to BatchEntry::forced()
  std::vector<TopLogProbs> forced_top;   // parallel, if asked for
  std::vector<SteeredTokens> steered;  // fresh positions on which each control of the request acted
};

struct StepResult {
  std::vector<EntryResult> entries;
};

}  // namespace steer
