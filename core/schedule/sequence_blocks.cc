#include "core/schedule/sequence_blocks.h"

#include <algorithm>
#include <optional>

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

bool SequenceBlocks::Take(Sequence& sequence) {
  const std::optional<int> block = pool_.Allocate();
  if (block) sequence.blocks.push_back(*block);
  return block.has_value();
}

bool SequenceBlocks::MayTakeOver(const Sequence& sequence) const {
  const int size = pool_.block_size();
  return share_ && sequence.computed == static_cast<int>(sequence.blocks.size()) * size &&
         sequence.computed + size <= sequence.ReuseLimit();
}

int SequenceBlocks::TakeOver(Sequence& sequence) {
  const int size = pool_.block_size();
  const int before = sequence.computed;
  while (MayTakeOver(sequence)) {
    const std::optional<int> block = pool_.Find(sequence.Key(sequence.computed / size, size));
    if (!block) break;
    sequence.blocks.push_back(*block);
    sequence.published = static_cast<int>(sequence.blocks.size());
    BookReused(sequence, sequence.computed + size);
  }
  return sequence.computed - before;
}

int SequenceBlocks::Missing(Sequence& sequence, int positions) const {
  const int size = pool_.block_size();
  const auto held = static_cast<int>(sequence.blocks.size());
  int missing = std::max(0, pool_.BlocksFor(positions) - held);
  // Those that others use are there already; those that nobody uses count as available.
  for (int block = held; share_ && missing > 0 && (block + 1) * size <= sequence.ReuseLimit();
       ++block) {
    if (!pool_.InUse(sequence.Key(block, size))) break;
    --missing;
  }
  return missing;
}

void SequenceBlocks::Publish(Sequence& sequence) {
  const int size = pool_.block_size();
  for (; share_ && (sequence.published + 1) * size <= sequence.computed; ++sequence.published) {
    pool_.Publish(sequence.blocks[sequence.published], sequence.Key(sequence.published, size));
  }
}

void SequenceBlocks::Release(Sequence& sequence) {
  pool_.Release(sequence.blocks);
  sequence.blocks.clear();
  sequence.published = 0;
}

void SequenceBlocks::Plan(Sequence& sequence, int begin, int end) {
  const int size = pool_.block_size();
  for (int block = begin / size; share_ && (block + 1) * size <= end; ++block) {
    being_computed_.insert(sequence.Key(block, size));
  }
}

bool SequenceBlocks::IsBeingComputed(Sequence& sequence) const {
  const int size = pool_.block_size();
  return !being_computed_.empty() && MayTakeOver(sequence) &&
         being_computed_.contains(sequence.Key(sequence.computed / size, size));
}

}  // namespace steer
