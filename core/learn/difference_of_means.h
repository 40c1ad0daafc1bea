#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/host_tensor.h"
#include "core/learn/contrast_pair.h"

namespace steer {

// The learner's only way to the model: mean over the answer tokens of block_out at `layer`, plain
// model, in fp32 whatever the weights' type. Returns [hidden]. Called from the job's thread.
using MeanActivation =
    std::function<absl::StatusOr<std::vector<float>>(const ForcedText& text, int layer)>;

struct DifferenceOfMeansResult {
  HostTensor v;                     // [hidden], F32
  double norm = 0;                  // |v|
  double mean_activation_norm = 0;  // mean |h| of the answer means, for expressing m in units of it
  int pairs = 0;
};

// v = mean_i (mean_tokens h(A_p,i) - mean_tokens h(A_n,i)) at block_out of `layer`, no
// normalisation (CAA / DiffMean, paper 4.2). Accumulated in fp64. `progress(done, total)` is called
// after each pair; false from it stops with CANCELLED. INVALID_ARGUMENT if a pair has an answer
// without tokens.
absl::StatusOr<DifferenceOfMeansResult> LearnDifferenceOfMeans(
    const std::vector<ContrastPair>& pairs, int layer, const MeanActivation& activation,
    const std::function<bool(int done, int total)>& progress);

}  // namespace steer
