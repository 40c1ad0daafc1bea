#pragma once

#include <algorithm>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "core/engine/runner.h"
#include "core/schedule/scheduler.h"
#include "gtest/gtest.h"

namespace steer {

// A deterministic runner without tensors. Its "cache" remembers for every slot which position of
// which request was written there, so a block that is shared, freed too early or filled twice shows
// as a failed expectation. What it answers depends on the request and the position alone.
class CountingRunner final : public Runner {
 public:
  // Runs before each step; an error fails the step.
  using Hook = std::function<absl::Status(const Batch&)>;

  explicit CountingRunner(const SchedulerOptions& options, Hook hook = nullptr)
      : options_(options),
        hook_(std::move(hook)),
        slots_(static_cast<size_t>(options.block_count) * options.block_size) {}

  // The token drawn after `position`: a letter.
  static TokenId TokenAfter(const Request& request, int position) {
    return static_cast<TokenId>('a' + (request.sampling.seed + position) % 26);
  }
  // What it says of a forced token at `position`.
  static double ForcedLogProb(TokenId token, int position) { return -0.5 * token - position; }

  absl::StatusOr<StepResult> Run(const Batch& batch) override {
    CheckBudget(batch);
    if (hook_) {
      if (const absl::Status status = hook_(batch); !status.ok()) return status;
    }
    StepResult result;
    for (const BatchEntry& entry : batch.entries) {
      WriteCache(entry);
      result.entries.push_back(Answer(entry));
    }
    return result;
  }

 private:
  struct Slot {
    RequestId request = 0;
    int position = -1;
  };

  void CheckBudget(const Batch& batch) const {
    int tokens = 0;
    std::set<const Sequence*> sequences;
    for (const BatchEntry& entry : batch.entries) {
      EXPECT_GE(entry.count, 1);
      tokens += entry.count;
      EXPECT_TRUE(sequences.insert(entry.sequence).second) << "one sequence twice in a batch";
    }
    EXPECT_LE(tokens, options_.step_tokens);
    EXPECT_LE(static_cast<int>(batch.entries.size()), options_.max_sequences);
  }

  Slot& At(const Sequence& sequence, int position) {
    const int block = sequence.blocks.at(position / options_.block_size);
    return slots_.at(static_cast<size_t>(block) * options_.block_size +
                     position % options_.block_size);
  }

  void WriteCache(const BatchEntry& entry) {
    const Sequence& sequence = *entry.sequence;
    EXPECT_EQ(entry.begin, sequence.computed);
    EXPECT_LE(entry.begin + entry.count, static_cast<int>(sequence.tokens.size()));
    for (int position = 0; position < entry.begin; ++position) {
      const Slot& slot = At(sequence, position);
      EXPECT_EQ(slot.request, sequence.request->id);
      EXPECT_EQ(slot.position, position);
    }
    for (int position = entry.begin; position < entry.begin + entry.count; ++position) {
      At(sequence, position) = {sequence.request->id, position};
    }
  }

  static EntryResult Answer(const BatchEntry& entry) {
    const Request& request = *entry.sequence->request;
    const int end = entry.begin + entry.count;
    EntryResult answer;
    if (entry.samples) {
      answer.token = TokenAfter(request, end - 1);
      answer.log_prob = -1.5f;
    }
    if (request.scoring()) {
      const int first = std::max(entry.begin, request.layout.prompt_length - 1);
      for (int position = first; position < end; ++position) {
        answer.forced_log_probs.push_back(
            ForcedLogProb(request.tokens.at(position + 1), position + 1));
      }
    }
    const int stage = std::clamp(request.layout.prompt_length - 1, entry.begin, end);
    for (const ControlEntry& control : request.controls) {
      answer.steered.push_back(
          {CountSelected(control.positions, request.layout, entry.begin, stage),
           CountSelected(control.positions, request.layout, stage, end)});
    }
    return answer;
  }

  SchedulerOptions options_;
  Hook hook_;
  std::vector<Slot> slots_;
};

}  // namespace steer
