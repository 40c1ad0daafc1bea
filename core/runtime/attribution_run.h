#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/base/types.h"
#include "core/learn/activation.h"
#include "core/learn/extraction_params.h"
#include "core/learn/job_queue.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/learnt_signals.h"

namespace steer {

// A vector at block_out of each layer, in their order, of what the tokens do that matter most for
// the margin between both answers (GrAInS, arXiv 2507.18043): each text as it is beside the same
// text with those tokens of its prompt replaced. Tells `context` of every pair, once when it is
// attributed and then when it is read; CANCELLED between two. INVALID_ARGUMENT about "pairs" where
// no token matters. Blocks.
struct AttributedExtraction {
  const std::vector<ReadPair>* pairs = nullptr;
  std::vector<int> layers;  // ascending
  ExtractionParams params;  // with an attribution
  TokenId replacement = 0;
};
absl::StatusOr<std::vector<LearntSignal>> ExtractAttributed(const EngineScorer::Place& place,
                                                            const ReadActivations& read,
                                                            const AttributedExtraction& extraction,
                                                            JobContext& context);

}  // namespace steer
