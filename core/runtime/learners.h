#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learn/contrast_pair.h"
#include "core/learn/job_queue.h"
#include "core/runtime/admission.h"
#include "core/runtime/attribution_run.h"
#include "core/runtime/device_pools.h"
#include "core/runtime/job_checkpoint.h"
#include "core/runtime/learn_spec.h"
#include "core/runtime/learnt_signals.h"
#include "core/runtime/model_info.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// A learner's work. May go on from the checkpoint and write it. Blocks.
using Learner = std::function<absl::StatusOr<LearntSignal>(JobContext&, JobCheckpoint&)>;

// Makes learners of what a spec says. Thread-safe.
class Learners {
 public:
  // All outlive this and what it makes.
  Learners(const ModelInfo* model, const Admission* admission, const Tokenizer* tokenizer,
           const DevicePools* pools)
      : model_(*model), admission_(*admission), tokenizer_(*tokenizer), pools_(*pools) {}

  // One for each layer of a search, or one. Errors as LearningJobs::Start.
  absl::StatusOr<std::vector<Learner>> Of(const LearnSpec& spec) const;

 private:
  using Pairs = std::shared_ptr<const std::vector<ContrastPair>>;

  absl::StatusOr<std::vector<Learner>> Of(const LearnSpec& spec,
                                          const ExtractionSpec& learner) const;
  absl::StatusOr<std::vector<Learner>> Of(const LearnSpec& spec, const TrainSpec& learner) const;
  absl::StatusOr<Learner> KvLearner(const LearnSpec& spec, const ExtractionSpec& learner,
                                    std::shared_ptr<const std::vector<ReadPair>> pairs) const;
  absl::StatusOr<std::vector<LearntSignal>> MakeVectors(AttributedExtraction extraction,
                                                        const std::vector<ReadPair>& pairs,
                                                        JobContext& context) const;
  absl::StatusOr<Pairs> PairsOf(const LearnSpec& spec, const std::vector<PolarPair>& pairs,
                                bool end_of_turn) const;

  const ModelInfo& model_;
  const Admission& admission_;
  const Tokenizer& tokenizer_;
  const DevicePools& pools_;
};

}  // namespace steer
