#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/learn/contrast_pair.h"
#include "core/model/decoder.h"

namespace steer {

// How much each token of a prompt has to do with g = log P(positive) - log P(negative).
struct Attribution {
  std::vector<double> tokens;  // A_t, of the positions in which both texts are the same prompt
  double value = 0;            // g
};

// Integrated gradients with respect to the embeddings, from 0, by the midpoint rule with `steps`
// points (GrAInS, arXiv 2507.18043):
//   A_t = sum_d e_td mean_k dg/de_td ((k + 1/2) / steps e)
// Their sum is what g changes by along the path, but for its very beginning: a model that divides
// rows by their norms changes by nats where embeddings shrink below 1e-3, and no step looks there.
// `run_unit` gets the device for one pass after another. UNAVAILABLE, RESOURCE_EXHAUSTED or
// INTERNAL with what libtorch said. Blocks.
absl::StatusOr<Attribution> AttributeTokens(
    const std::shared_ptr<const Decoder>& decoder, const ContrastPair& pair, int steps,
    const std::function<absl::Status(const std::function<absl::Status()>&)>& run_unit);

// The positions with the `count` largest attributions above 0, or with the `count` smallest below 0
// where `negative`; fewer if there are fewer. Ascending; those before `first` are left out.
std::vector<int> MostImportant(const Attribution& attribution, int first, int count, bool negative);

}  // namespace steer
