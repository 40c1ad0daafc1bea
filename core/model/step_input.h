#pragma once

#include <vector>

#include "ATen/core/Tensor.h"

namespace steer {

// What the cache holds of one sequence for the layers of one KV group: the positions [begin,
// position + count), this step's own included. What lies before `begin` is out of every window.
struct KeptPositions {
  int begin = 0;
  at::Tensor slots;  // int64 [position + count - begin]
};

// Rows [begin, begin + count) of a step.
struct RowRange {
  int begin = 0;
  int count = 0;
};

// The rows of one sequence in a step.
struct SequenceRows {
  int row_begin = 0;
  int count = 0;
  int position = 0;  // of the first row; those before it are in the cache or `before`
  std::vector<KeptPositions> kept;  // by KV group; empty without a cache
  // Without a cache: the rows of this step that are the positions 0 .. position - 1, in order.
  // Several sequences may go on from the same rows.
  std::vector<RowRange> before;
};

// One ragged step: the rows of all sequences, one after another. Positions, rotary rows and slots
// are made once here and used by every layer.
struct StepInput {
  at::Tensor tokens;     // int64 [rows]
  at::Tensor positions;  // int64 [rows]
  // By KV group, int64 [rows]: where this step's keys and values go; empty without a cache.
  std::vector<at::Tensor> new_slots;
  std::vector<SequenceRows> sequences;
};

// Layers [begin, end).
struct LayerRange {
  int begin = 0;
  int end = 0;
};

}  // namespace steer
