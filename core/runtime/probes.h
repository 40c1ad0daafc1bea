#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/runtime/live_generations.h"
#include "core/runtime/model_info.h"
#include "core/runtime/probe_state.h"
#include "core/runtime/scoring.h"
#include "core/runtime/signal_use.h"
#include "core/runtime/specs.h"
#include "core/store/signal_store.h"

namespace steer {

// Watches signals in use: whenever nobody generates, a signal's probe set is scored at the
// multipliers that requests had since the last time, against the plain model, on a thread of its
// own and in the background class. Signals without a probe set are left alone. Each control counts
// by itself, whatever else its request had. Thread-safe.
class Probes {
 public:
  struct Options {
    double interval_seconds = 0;  // between two runs of one set; 0 = none are run
    double share = 0;             // of the time, above 0 up to 1: pauses follow each run
  };
  // What it works with; all of it outlives this.
  struct Parts {
    const Scoring* scoring = nullptr;
    SignalStore* store = nullptr;
    SignalUse* use = nullptr;
    LiveGenerations* live = nullptr;
    const ModelInfo* model = nullptr;
  };
  // Reads what the store keeps, and starts.
  static absl::StatusOr<std::unique_ptr<Probes>> Create(const Parts& parts, const Options& options);
  ~Probes();  // stops a run that goes on

  // Gives a signal, by id or alias, its probe set instead of the one it had. INVALID_ARGUMENT and
  // NOT_FOUND as Score; RESOURCE_EXHAUSTED beyond kMostProbeSets.
  absl::StatusOr<ProbeState> Set(const std::string& signal, const PairSetSpec& pairs);
  // With all its runs. NOT_FOUND.
  absl::Status Delete(const std::string& signal);
  std::vector<ProbeState> States() const;  // by signal
  double busy_seconds() const;             // that all runs took

 private:
  Probes(const Parts& parts, const Options& options) : parts_(parts), options_(options) {}
  absl::Status ReadStates();
  void Loop();
  // False when it was told to stop.
  bool Pause(double seconds);
  bool PauseUntilIdle();
  // nullopt if nobody has used the signal.
  absl::StatusOr<std::optional<ProbeRun>> MeasureAndKeep(const ProbeSet& set);
  absl::StatusOr<std::optional<ProbeRun>> Measure(const ProbeSet& set);
  void Tell(const ProbeSet& set, absl::StatusOr<std::optional<ProbeRun>> run)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status MeasureUses(const PairSetSpec& pairs, const std::vector<SignalUse::Count>& uses,
                           ProbeRun& run) const;
  bool stopping() const;

  const Parts parts_;
  const Options options_;
  mutable Mutex mutex_;
  CondVar stopped_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, ProbeState> states_ ABSL_GUARDED_BY(mutex_);
  double busy_seconds_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace steer
