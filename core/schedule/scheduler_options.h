#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/schedule/block_group.h"
#include "core/schedule/prefix_index.h"

namespace steer {

// Whoever makes them has checked the ranges.
struct SchedulerOptions {
  int step_tokens = 512;           // token budget of one step; 1 or more
  int max_sequences = 64;          // rows that may run at once; 1 or more
  int block_size = 16;             // positions per KV block; 1 or more
  std::vector<BlockGroup> groups;  // of layers; at least one
  int context_limit = 0;           // positions of the model; 1 or more
  double background_share =
      0.25;                  // of the device while both classes have work; 0 .. 1, both excluded
  double step_seconds = 0;   // bound on a step that decodes, by smaller prompt chunks; 0 = none
  bool prefix_cache = true;  // find full blocks again
  std::string cache_format;  // how keys and values are stored: part of every block's key
  std::shared_ptr<PrefixIndex> prefix_index;  // told of what the cache holds; may be null
};

}  // namespace steer
