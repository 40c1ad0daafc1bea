#pragma once

#include <optional>
#include <vector>

#include "core/learn/activation_rows.h"
#include "core/learn/extraction_params.h"

namespace steer {

struct LinearProbe {
  std::vector<double> direction;  // w / |w|, pointing at the positive answers; [width]
  double accuracy = 0;            // share of the activations on their own side, training data
  // The same of activations that were left out: the pairs in five parts, or each alone where there
  // are fewer, told apart by what the others teach. None of a single pair.
  std::optional<double> held_out_accuracy;
};

// Rows 2 i and 2 i + 1 are the positive and the negative answer of pair i, centred. See
// LinearProbeParams. nullopt if nothing tells them apart, as where they are equal. Equal rows give
// equal bits.
std::optional<LinearProbe> FitLinearProbe(const ActivationRows& rows,
                                          const LinearProbeParams& params);

}  // namespace steer
