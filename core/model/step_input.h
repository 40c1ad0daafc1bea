#pragma once

#include <vector>

#include "ATen/core/Tensor.h"

namespace steer {

// The rows of one sequence in a step.
struct SequenceRows {
  int row_begin = 0;
  int count = 0;
  int position = 0;  // of the first row; positions before it are in the cache
  at::Tensor slots;  // int64 [position + count]: the cache slot of every position so far; undefined
                     // without a cache
};

// One ragged step: the rows of all sequences, one after another. Positions, rotary rows and slots
// are made once here and used by every layer.
struct StepInput {
  at::Tensor tokens;     // int64 [rows]
  at::Tensor positions;  // int64 [rows]
  at::Tensor
      new_slots;  // int64 [rows]: where this step's keys and values go; undefined without a cache
  std::vector<SequenceRows> sequences;
};

// Layers [begin, end).
struct LayerRange {
  int begin = 0;
  int end = 0;
};

}  // namespace steer
