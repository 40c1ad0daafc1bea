#pragma once

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/runner.h"
#include "core/schedule/scheduler.h"
#include "gtest/gtest.h"

namespace steer {

// A deterministic runner without tensors. Its "cache" remembers for every slot of every group of
// layers what was written there: a hash of all tokens so far, whose they are and what acted on
// each. A step may only build on slots that hold exactly what its sequence demands, in each group
// as far back as its window reaches, so a block that is shared wrongly, freed too early or too
// late, filled twice or computed again with other multipliers shows as a failed expectation. What
// it answers depends on that content, the seed and the position alone.
class CountingRunner final : public Runner {
 public:
  // Runs before each step; an error fails the step.
  using Hook = std::function<absl::Status(const Batch&)>;

  explicit CountingRunner(const SchedulerOptions& options, Hook hook = nullptr)
      : options_(options), hook_(std::move(hook)) {
    for (const BlockGroup& group : options.groups) {
      slots_.emplace_back(static_cast<size_t>(group.block_count) * options.block_size);
    }
  }

  // What it says of a forced token at `position`.
  static double ForcedLogProb(TokenId token, int position) { return -0.5 * token - position; }

  // Positions computed so far, and those of them that were computed for the first time.
  int64_t computed() const { return computed_; }
  int64_t fresh() const { return fresh_; }

  absl::StatusOr<StepResult> Run(const Batch& batch) override {
    CheckBudget(batch);
    if (hook_) {
      if (const absl::Status status = hook_(batch); !status.ok()) return status;
    }
    for (const BatchEntry& entry : batch.entries) {
      Extend(*entry.sequence, entry.end());
      CheckSlots(entry, entry.begin);
    }
    for (const BatchEntry& entry : batch.entries) Write(entry);
    StepResult result;
    for (const BatchEntry& entry : batch.entries) {
      CheckSlots(entry, entry.end());  // nobody wrote where another one did
      result.entries.push_back(Answer(entry));
    }
    return result;
  }

 private:
  // What was seen of a request.
  struct Seen {
    std::vector<uint64_t> contents;  // demanded, by position
    int known = 0;                   // positions that were computed or reused
    int forced = 0;                  // log-probabilities that were told
  };

  static uint64_t Mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15;
    return hash ^ (hash >> 29U);
  }

  static uint64_t Content(uint64_t before, const Sequence& sequence, int position) {
    const Request& request = *sequence.request;
    uint64_t content =
        position == 0 ? Mix(1, std::hash<std::string>()(request.tenant)) : Mix(before, 2);
    content = Mix(content, static_cast<uint64_t>(sequence.tokens.at(position)));
    for (const ControlEntry& control : request.controls) {
      if (!Acts(control, request.layout, position)) continue;
      const MultiplierRun& run = MultipliersAt(control, position);
      content = Mix(content, std::hash<std::string>()(control.signal_id));
      content = Mix(content, std::bit_cast<uint64_t>(run.m1));
      content = Mix(content, std::bit_cast<uint64_t>(run.m2));
    }
    return content;
  }

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

  // What the positions before `end` have to hold. What ran once keeps what acted on it then.
  void Extend(const Sequence& sequence, int end) {
    std::vector<uint64_t>& contents = seen_[sequence.request->id].contents;
    const int known = static_cast<int>(contents.size());
    uint64_t before = 0;
    for (int position = 0; position < end; ++position) {
      const uint64_t content = Content(before, sequence, position);
      if (position >= known) contents.push_back(content);
      EXPECT_EQ(content, contents[position]) << "the past changed at position " << position;
      before = content;
    }
  }

  uint64_t& Slot(const Sequence& sequence, size_t group, int position) {
    const int block = sequence.tables.at(group).at(position / options_.block_size);
    return slots_.at(group).at(static_cast<size_t>(block) * options_.block_size +
                               position % options_.block_size);
  }

  // Of each group everything that is held, which is what the entry's first row sees and no whole
  // block more.
  void CheckSlots(const BatchEntry& entry, int end) {
    const Sequence& sequence = *entry.sequence;
    const std::vector<uint64_t>& contents = seen_[sequence.request->id].contents;
    const int size = options_.block_size;
    ASSERT_EQ(sequence.tables.size(), options_.groups.size());
    for (size_t group = 0; group < sequence.tables.size(); ++group) {
      const BlockTable& table = sequence.tables[group];
      const int window = options_.groups[group].window;
      const int seen = window == 0 ? 0 : std::max(0, entry.begin - (window - 1));
      EXPECT_EQ(table.first, seen / size);
      EXPECT_EQ(table.end(), (entry.end() + size - 1) / size);
      if (window > 0) {
        // ceil((n - 1) / size) + 1 blocks are touched by n positions in a row at most.
        EXPECT_LE(table.blocks.size(), (window + entry.count - 2 + size - 1) / size + 1U);
      }
      for (int position = table.first * size; position < end; ++position) {
        EXPECT_EQ(Slot(sequence, group, position), contents[position] + group)
            << "request " << sequence.request->id << ", group " << group << ", position "
            << position;
      }
    }
  }

  void Write(const BatchEntry& entry) {
    const Sequence& sequence = *entry.sequence;
    Seen& seen = seen_[sequence.request->id];
    EXPECT_EQ(entry.begin, sequence.computed);
    EXPECT_LE(entry.end(), static_cast<int>(sequence.tokens.size()));
    EXPECT_EQ(entry.samples, !sequence.request->scoring() &&
                                 entry.end() == static_cast<int>(sequence.tokens.size()));
    // What was skipped was found in the cache.
    seen.known = std::max(seen.known, entry.begin);
    EXPECT_EQ(entry.fresh, std::clamp(sequence.high_water, entry.begin, entry.end()));
    // More only if it had found some in the cache and made room before it ran.
    EXPECT_GE(sequence.high_water, seen.known);
    if (!options_.prefix_cache) {
      EXPECT_EQ(sequence.high_water, seen.known);
    }
    for (int position = entry.begin; position < entry.end(); ++position) {
      for (size_t group = 0; group < slots_.size(); ++group) {
        Slot(sequence, group, position) = seen.contents[position] + group;
      }
    }
    computed_ += entry.count;
    fresh_ += entry.end() - entry.fresh;
    seen.known = std::max(seen.known, entry.end());
  }

  EntryResult Answer(const BatchEntry& entry) {
    const Request& request = *entry.sequence->request;
    Seen& seen = seen_[request.id];
    EntryResult answer;
    if (entry.samples) {
      const uint64_t draw = Mix(seen.contents[entry.end() - 1], request.sampling.seed);
      answer.token = static_cast<TokenId>('a' + draw % 26);
      answer.log_prob = -1.5F;
    }
    const PositionRange forced = entry.forced();
    if (forced.begin < forced.end) {
      EXPECT_EQ(forced.begin, request.forced().begin + seen.forced) << "told twice or never";
    }
    const bool alternatives =
        !request.scoring() && request.sampling.prompt_log_probs.value_or(0) > 0;
    for (int position = forced.begin; position < forced.end; ++position) {
      const TokenId next = entry.sequence->tokens.at(position + 1);
      answer.forced_log_probs.push_back(ForcedLogProb(next, position + 1));
      if (alternatives) answer.forced_top.push_back({{next, -1.0F}});
      ++seen.forced;
    }
    for (const ControlEntry& control : request.controls) {
      answer.steered.push_back(CountActing(control, request.layout, entry.fresh, entry.end()));
    }
    return answer;
  }

  SchedulerOptions options_;
  Hook hook_;
  std::vector<std::vector<uint64_t>> slots_;  // by group
  std::map<RequestId, Seen> seen_;
  int64_t computed_ = 0;
  int64_t fresh_ = 0;
};

}  // namespace steer
