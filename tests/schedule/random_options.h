#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "core/schedule/scheduler_options.h"

namespace steer {

// From pools that hold less than one context to ones that hold a few, and windows from a position
// to more than any request has.
inline std::vector<BlockGroup> RandomGroups(std::mt19937& random, const SchedulerOptions& options) {
  const auto pick = [&](auto values) { return values[random() % values.size()]; };
  const auto full = [&] {
    return BlockGroup{0, pick(std::vector{50, 80, 120, 300}) / options.block_size};
  };
  const auto windowed = [&] {
    BlockGroup group{pick(std::vector{1, 2, 5, 16, 17, 40, 200}), 0};
    const int most =
        MostBlocks(group.window, options.context_limit, options.step_tokens, options.block_size);
    group.block_count = std::max(1, most * pick(std::vector{1, 2, 4, 6}) / 2);
    return group;
  };
  switch (random() % 5) {
    case 0:
      return {full(), windowed()};
    case 1:
      return {windowed(), full()};
    case 2:
      return {windowed()};
    case 3:
      return {windowed(), full(), windowed()};
    default:
      return {full()};
  }
}

inline SchedulerOptions RandomOptions(std::mt19937& random) {
  const auto pick = [&](auto values) { return values[random() % values.size()]; };
  SchedulerOptions options;
  options.step_tokens = pick(std::vector{1, 2, 3, 7, 32, 100});
  options.max_sequences = pick(std::vector{1, 2, 5, 16});
  options.block_size = pick(std::vector{1, 4, 16});
  options.context_limit = pick(std::vector{20, 60, 100});
  options.groups = RandomGroups(random, options);
  options.background_share = pick(std::vector{0.1, 0.25, 0.5});
  options.step_seconds = pick(std::vector{0.0, 0.004});
  options.prefix_cache = random() % 3 != 0;
  options.cache_format = "test";
  return options;
}

}  // namespace steer
