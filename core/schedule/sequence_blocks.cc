#include "core/schedule/sequence_blocks.h"

#include <algorithm>
#include <optional>

#include "core/base/check.h"

namespace steer {
namespace {

// Books that the positions before `end` are there, though the sequence did not compute them.
void BookReused(Sequence& sequence, int end) {
  sequence.computed = end;
  if (end <= sequence.high_water) return;  // it did, before it made room
  const Request& request = *sequence.request;
  for (size_t i = 0; i < request.controls.size(); ++i) {
    const SteeredTokens taken =
        CountActing(request.controls[i], request.layout, sequence.high_water, end);
    sequence.steered[i].prompt += taken.prompt;
    sequence.steered[i].generated += taken.generated;
    sequence.steered[i].reused += taken.prompt + taken.generated;
  }
  const int prompt = request.layout.prompt_length;
  sequence.reused_prompt_tokens += std::min(end, prompt) - std::min(sequence.high_water, prompt);
  sequence.high_water = end;
}

}  // namespace

SequenceBlocks::SequenceBlocks(const SchedulerOptions& options)
    : groups_(options.groups),
      size_(options.block_size),
      step_tokens_(options.step_tokens),
      share_(options.prefix_cache) {
  STEER_CHECK(!groups_.empty());
  for (size_t group = 0; group < groups_.size(); ++group) {
    STEER_CHECK(groups_[group].window >= 0);
    pools_.emplace_back(groups_[group].block_count, size_, options.prefix_index, group);
  }
}

bool SequenceBlocks::Take(Sequence& sequence, int end) {
  for (size_t group = 0; group < pools_.size(); ++group) {
    BlockTable& table = sequence.tables[group];
    for (const int needed = pools_[group].BlocksFor(end); table.end() < needed;) {
      const std::optional<int> block = pools_[group].Allocate();
      if (!block) return false;
      table.blocks.push_back(*block);
    }
  }
  return true;
}

bool SequenceBlocks::MayTakeOver(const Sequence& sequence) const {
  return share_ && sequence.computed % size_ == 0 &&
         sequence.computed + size_ <= sequence.ReuseLimit();
}

int SequenceBlocks::ReusableBlocks(Sequence& sequence) const {
  const int begin = sequence.computed / size_;
  if (!MayTakeOver(sequence)) return begin;
  return ReusableEnd(
      groups_, size_, begin, sequence.ReuseLimit() / size_,
      [&](size_t group, int block) { return pools_[group].Holds(sequence.Key(block, size_)); });
}

int SequenceBlocks::TakeOver(Sequence& sequence) {
  const int before = sequence.computed;
  const int end = ReusableBlocks(sequence);
  if (end * size_ <= before) return 0;
  BookReused(sequence, end * size_);
  DropUnseen(sequence);
  for (size_t group = 0; group < pools_.size(); ++group) {
    BlockTable& table = sequence.tables[group];
    while (table.end() < end) {
      table.blocks.push_back(*pools_[group].Find(sequence.Key(table.end(), size_)));
    }
  }
  sequence.published = end;
  return end * size_ - before;
}

void SequenceBlocks::AddMissing(Sequence& sequence, int positions,
                                std::vector<int>& missing) const {
  const int reused = ReusableBlocks(sequence);
  const int next = std::max(sequence.computed, reused * size_);
  for (size_t group = 0; group < pools_.size(); ++group) {
    const BlockPool& pool = pools_[group];
    const BlockTable& table = sequence.tables[group];
    const int window = groups_[group].window;
    const int first = std::max(table.end(), FirstBlockSeen(window, next, size_));
    int lacking = std::max(0, pool.BlocksFor(positions) - first);
    // Those that others use are there already; those that nobody uses count as available.
    for (int block = first; block < reused && lacking > 0; ++block) {
      if (pool.InUse(sequence.Key(block, size_))) --lacking;
    }
    // What it holds now it gives back as its window goes on.
    const int most = MostBlocks(window, positions, step_tokens_, size_);
    const auto held = static_cast<int>(table.blocks.size());
    missing[group] += std::min(lacking, std::max(0, most - held));
  }
}

void SequenceBlocks::Computed(Sequence& sequence) {
  for (; share_ && (sequence.published + 1) * size_ <= sequence.computed; ++sequence.published) {
    const BlockKey& key = sequence.Key(sequence.published, size_);
    for (size_t group = 0; group < pools_.size(); ++group) {
      pools_[group].Publish(sequence.tables[group].at(sequence.published), key);
    }
  }
  DropUnseen(sequence);
}

// The earliest first, so that it is also forgotten first: a window needs its end.
void SequenceBlocks::DropUnseen(Sequence& sequence) {
  for (size_t group = 0; group < pools_.size(); ++group) {
    BlockTable& table = sequence.tables[group];
    const int first = FirstBlockSeen(groups_[group].window, sequence.computed, size_);
    const int held = std::clamp(first - table.first, 0, static_cast<int>(table.blocks.size()));
    for (int i = 0; i < held; ++i) pools_[group].Release(table.blocks[i]);
    table.blocks.erase(table.blocks.begin(), table.blocks.begin() + held);
    table.first = first;
  }
}

void SequenceBlocks::Release(Sequence& sequence) {
  for (size_t group = 0; group < pools_.size(); ++group) {
    pools_[group].Release(sequence.tables[group].blocks);
    sequence.tables[group] = {};
  }
  sequence.published = 0;
}

void SequenceBlocks::Plan(Sequence& sequence, int begin, int end) {
  for (int block = begin / size_; share_ && (block + 1) * size_ <= end; ++block) {
    being_computed_.insert(sequence.Key(block, size_));
  }
}

bool SequenceBlocks::IsBeingComputed(Sequence& sequence) const {
  return !being_computed_.empty() && MayTakeOver(sequence) &&
         being_computed_.contains(sequence.Key(sequence.computed / size_, size_));
}

}  // namespace steer
