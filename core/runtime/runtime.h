#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/analysis/text_check.h"
#include "core/base/types.h"
#include "core/learn/dataset.h"
#include "core/learn/job_queue.h"
#include "core/runtime/learn_spec.h"
#include "core/runtime/manifold_spec.h"
#include "core/runtime/model_info.h"
#include "core/runtime/pool_stats.h"
#include "core/runtime/probe_state.h"
#include "core/runtime/runtime_options.h"
#include "core/runtime/specs.h"
#include "core/schedule/event.h"
#include "core/schedule/request.h"
#include "core/store/signal_store.h"

namespace steer {

struct TokenizedText {
  std::vector<TokenId> tokens;
  std::vector<std::string> pieces;  // raw bytes of each token, special ones spelt out
  int head_length = 0;              // for chat messages
};

// Builds and owns everything below the server: model, tokenizer, store, engine, jobs. The only
// class server/ calls. Thread-safe. Two can live in one process.
class Runtime {
 public:
  // Loads the model and runs one warm-up step.
  static absl::StatusOr<std::unique_ptr<Runtime>> Create(const RuntimeOptions& options);
  ~Runtime();

  // Validates, resolves and queues. `sinks`: one for each of the n completions. On OK each gets its
  // tokens and exactly one OnFinished, possibly before this returns; on error they get nothing.
  // RESOURCE_EXHAUSTED with a retry delay when too many requests wait; DEADLINE_EXCEEDED when the
  // prompt could not be computed in time; UNAVAILABLE when no device is left.
  absl::StatusOr<Admitted> Generate(const GenerateSpec& spec,
                                    const std::vector<std::shared_ptr<EventSink>>& sinks);
  // All completions of a request.
  void Cancel(RequestId id);
  // Changes a running request's multipliers; unset ones stay (an unset m2 follows m1 if that is
  // set). `signal` as the request spelt it, or its id. Blocks for up to a step. NOT_FOUND if
  // nothing of the request runs any more or it has no such signal.
  absl::StatusOr<std::vector<UpdatedCompletion>> UpdateGeneration(RequestId id,
                                                                  const std::string& signal,
                                                                  std::optional<double> m1,
                                                                  std::optional<double> m2);

  // `file` is a whole upload in format "native". Stored before it returns.
  absl::StatusOr<SignalStore::PutResult> RegisterSignal(std::span<const std::byte> file,
                                                        std::map<std::string, std::string> labels,
                                                        std::string description);
  SignalStore& signals();  // reads and alias moves; Delete goes through DeleteSignal
  absl::Status DeleteSignal(absl::string_view id, bool with_aliases);

  // What `controls` mean now, before anything runs; Score's answer carries it.
  absl::StatusOr<std::vector<ResolvedControl>> Resolve(const std::vector<ControlSpec>& controls);
  // Blocks. See ScorePairs.
  absl::Status Score(const ScoreSpec& spec, const std::function<bool()>& cancelled,
                     const ScoreListener& listener);
  // Blocks. Measures the curve and keeps it in the store; see SweepSpec and SweepAdaptively.
  absl::StatusOr<CurveRecord> Sweep(const SweepSpec& spec, const std::function<bool()>& cancelled,
                                    const ScoreListener& listener);

  // Blocks. See TextSampler.
  absl::Status MeasureTexts(const TextSpec& spec, const std::function<bool()>& cancelled,
                            const std::function<bool(TextPoint)>& on_point);
  absl::StatusOr<TextCheck> CheckOnText(const CurveRecord& curve, double multiplier, TextSpec spec,
                                        double max_increase,
                                        const std::function<bool()>& cancelled);
  // Blocks. See ManifoldViewer.
  absl::StatusOr<ManifoldSummary> ViewManifold(const ManifoldSpec& spec,
                                               const std::function<bool()>& cancelled,
                                               const ManifoldListener& listener);

  // See Probes.
  absl::StatusOr<ProbeState> SetProbe(const std::string& signal, const PairSetSpec& pairs);
  absl::Status DeleteProbe(const std::string& signal);
  std::vector<ProbeState> probes() const;
  double probe_seconds() const;

  absl::StatusOr<JobRecord> StartJob(LearnSpec spec);
  // Lets the jobs go on that the last process left unfinished. `read` turns the definition of a
  // LearnSpec into what it means.
  void ResumeJobs(
      const std::function<absl::StatusOr<LearnSpec>(const std::string& definition)>& read);
  JobQueue& jobs();
  // INVALID_ARGUMENT names the row and what is wrong.
  absl::StatusOr<DatasetRecord> PutDataset(absl::string_view file, const DatasetReading& reading,
                                           const std::string& name, std::string description);
  // FAILED_PRECONDITION while an unfinished job needs it.
  absl::Status DeleteDataset(absl::string_view id);

  const ModelInfo& model() const;
  absl::StatusOr<TokenizedText> Tokenize(const PromptSpec& prompt) const;
  absl::StatusOr<std::string> Detokenize(const std::vector<TokenId>& tokens,
                                         bool with_special) const;

  // One per device, in the order of the options; the learning device's last.
  std::vector<PoolStats> pools() const;
  // Refuses new requests with UNAVAILABLE from now on; running ones go on.
  void StartDraining();
  // Completions of generation requests that have not finished.
  int in_flight() const;

 private:
  class Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace steer
