#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learn/reading.h"

namespace steer {

// |h| summed over activations of one site: their mean is the unit in which strengths can be told.
struct NormSum {
  double sum = 0;
  int64_t tokens = 0;

  double Mean() const { return tokens > 0 ? sum / static_cast<double>(tokens) : 0; }
  NormSum& operator+=(const NormSum& other) {
    sum += other.sum;
    tokens += other.tokens;
    return *this;
  }
};

// What a site of a layer is like in a text, block_out or kv (see Taps), in the plain model; in fp32
// whatever the weights' type.
struct LayerActivation {
  std::vector<float> mean;  // over the positions that are read; as wide as the site
  NormSum norms;            // over the text's ordinary tokens
};

// The learners' only way to the model: one forward pass for all `layers`, which ascend; the answer
// in their order. Called from the job's thread.
using ReadActivations = std::function<absl::StatusOr<std::vector<LayerActivation>>(
    const ReadText& text, std::span<const int> layers)>;

}  // namespace steer
