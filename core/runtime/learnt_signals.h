#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/learn/job_record.h"
#include "core/runtime/learn_spec.h"
#include "core/runtime/model_info.h"
#include "core/runtime/scoring.h"
#include "core/signal/signal_data.h"
#include "core/store/signal_store.h"

namespace steer {

// What a learner has made, without marks.
struct LearntSignal {
  SignalData signal;
  std::map<std::string, double> results;  // the learner's numbers, such as "norm"
  double reach = 0;  // the multiplier out to which its dose curve is worth measuring, on both sides
};

// The root of the sum of all its numbers' squares.
double NormOf(const SignalData& signal);

// What a signal tells of where it comes from.
struct SignalOrigin {
  std::string job, learner;
  std::string settings;  // JSON
  std::string dataset, held_out_dataset;
  std::string pairs_sha256;
  int pairs = 0;
};

// Takes what was learnt into the store and judges it there. Thread-safe.
class LearntSignals {
 public:
  // All outlive this.
  LearntSignals(const ModelInfo* model, const Scoring* scoring, SignalStore* store)
      : model_(*model), scoring_(*scoring), store_(*store) {}

  struct Kept {
    std::string signal_id;
    bool existed = false;
    std::string curve_id;                   // if there are held-out pairs
    std::map<std::string, double> results;  // the learner's, and what the pairs say
    LayerOutcome outcome;                   // within `max_utility_loss`, without a layer
  };
  // Stores the signal with its origin, and measures, keeps and fits its dose curve if the spec has
  // held-out pairs. A signal that cannot be judged, or whose job is to stop, is not kept.
  absl::StatusOr<Kept> Keep(const LearnSpec& spec, LearntSignal learnt, const SignalOrigin& origin,
                            const std::function<bool()>& stopped) const;
  // Gives it its name, which is returned: the alias, its draft, or none.
  absl::StatusOr<std::string> SetName(const LearnSpec& spec, const std::string& signal_id) const;
  // Undoes Keep, unless the signal was there before.
  void Drop(const Kept& kept) const;

 private:
  absl::Status Judge(const LearnSpec& spec, double reach, const std::function<bool()>& stopped,
                     Kept& kept) const;
  absl::Status Tell(const SignalOrigin& origin, const Kept& kept) const;

  const ModelInfo& model_;
  const Scoring& scoring_;
  SignalStore& store_;
};

}  // namespace steer
