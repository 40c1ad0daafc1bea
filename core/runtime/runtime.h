#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/engine/engine.h"
#include "core/learn/job.h"
#include "core/runtime/generation_config.h"
#include "core/runtime/runtime_options.h"
#include "core/runtime/specs.h"
#include "core/schedule/event.h"
#include "core/schedule/request.h"
#include "core/signal/signal_data.h"
#include "core/store/signal_store.h"

namespace steer {

struct ModelInfo {
  std::string name;  // general.name of the file
  std::string architecture;
  std::string fingerprint;  // "<shape mark>:<weights mark>"
  ModelMarks marks;
  ModelShape shape;
  int64_t heads = 0, kv_heads = 0, head_dim = 0, vocabulary = 0;
  int64_t parameters = 0;
  int context_limit = 0;
  std::string dtype;
  bool has_chat_template = false;
  std::string default_system;
  std::vector<std::string> site_kinds;  // spellings allowed after "layers.<l>."
  GenerationConfig generation;          // the model's own sampling defaults
};

struct TokenizedText {
  std::vector<TokenId> tokens;
  std::vector<std::string> pieces;  // raw bytes of each token, special ones spelt out
  int head_length = 0;              // for chat messages
};

// One device with its engine.
struct PoolStats {
  std::string name;  // metrics label, "cpu:0"
  EngineStats engine;
  int block_size = 0;  // positions of a KV block
  int in_flight = 0;   // requests that have not finished, background ones included
  int64_t kv_cache_bytes = 0;
  // Pools of one device share weights and signals: the first of them counts them, the others 0.
  int signals_resident = 0;
  int signals_lingering = 0;  // dropped, but still used by requests
  int64_t signal_bytes_resident = 0;
  int64_t weight_bytes = 0;
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
  // Blocks; each finished point goes to `on_point`. See ScorePairs.
  absl::Status Score(const ScoreSpec& spec, const std::function<bool()>& cancelled,
                     const std::function<bool(ScorePoint)>& on_point);

  absl::StatusOr<JobRecord> StartJob(const LearnSpec& spec);
  JobQueue& jobs();

  const ModelInfo& model() const;
  absl::StatusOr<TokenizedText> Tokenize(const PromptSpec& prompt) const;
  absl::StatusOr<std::string> Detokenize(const std::vector<TokenId>& tokens,
                                         bool with_special) const;

  // One per device, in the order of the options.
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
