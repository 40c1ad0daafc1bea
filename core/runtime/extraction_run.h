#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/polar_pair.h"
#include "core/learn/activation.h"
#include "core/learn/contrast_pair.h"
#include "core/learn/extraction_params.h"
#include "core/learn/job_queue.h"
#include "core/runtime/learnt_signals.h"
#include "core/signal/site.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// `texts` are `pairs` as tokens. INVALID_ARGUMENT names the answer in which there is nothing of the
// kind to read.
absl::StatusOr<std::vector<ReadPair>> PlaceReading(const std::vector<PolarPair>& pairs,
                                                   std::vector<ContrastPair> texts, Reading reading,
                                                   const Tokenizer& tokenizer);

// A vector at block_out of each layer, in their order, each a signal of its own. Tells `context` of
// every pair; CANCELLED between two. Errors as Extract. Blocks.
absl::StatusOr<std::vector<LearntSignal>> ExtractSignals(const ReadActivations& read,
                                                         const std::vector<ReadPair>& pairs,
                                                         const std::vector<int>& layers,
                                                         const ExtractionParams& params,
                                                         JobContext& context);

// One kv signal of all layers from the method's first on, by a reader of the site kv; `params` has
// that method, which fits `shape`. Likewise.
absl::StatusOr<LearntSignal> ExtractKv(const ReadActivations& read,
                                       const std::vector<ReadPair>& pairs,
                                       const ExtractionParams& params, const ModelShape& shape,
                                       JobContext& context);

}  // namespace steer
