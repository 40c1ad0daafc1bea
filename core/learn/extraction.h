#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/host_tensor.h"
#include "core/learn/activation.h"
#include "core/learn/extraction_params.h"

namespace steer {

// A vector made of activations at one site of one layer.
struct Extraction {
  int layer = 0;
  HostTensor v;                // as wide as what was read, F32
  double norm = 0;             // |v|
  double difference_norm = 0;  // |mean h_p - mean h_n|, whatever the method
  NormSum activation_norms;  // of the ordinary tokens of all texts, prompts in both answers' texts
  std::optional<double> explained_share;    // of a principal component
  std::optional<int> features;              // kept, of a feature selection
  std::optional<double> accuracy;           // of a linear probe
  std::optional<double> held_out_accuracy;  // likewise
};

// Reads both texts of every pair once for all `layers`, which ascend, and makes a vector of each
// layer, as if it had been alone. It points at the positive answers: h_p projects on it further
// than h_n, on average; what an autoencoder does not see of that a feature selection cannot,
// either. `progress(done, total)` is called before and after each pair and before each layer is
// worked on; false from it stops with CANCELLED. INVALID_ARGUMENT about "pairs" if there are none
// or if their activations give no direction; a difference of means may be 0 unless it is
// normalised. OUT_OF_RANGE for activations that are no numbers.
absl::StatusOr<std::vector<Extraction>> Extract(
    const std::vector<ReadPair>& pairs, std::span<const int> layers, const ExtractionParams& params,
    const ReadActivations& read, const std::function<bool(int done, int total)>& progress);

}  // namespace steer
