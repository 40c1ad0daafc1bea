#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/polar_pair.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/engine/engine.h"
#include "core/learn/job.h"
#include "core/runtime/runtime_options.h"
#include "core/schedule/event.h"
#include "core/schedule/request.h"
#include "core/schedule/sampling_params.h"
#include "core/signal/signal_data.h"
#include "core/store/signal_store.h"
#include "core/tokenizer/chat_template.h"

namespace steer {

// A signal as a caller names it. Unset fields take the signal's defaults; m2 follows m1.
struct ControlSpec {
  std::string signal;                     // id or alias
  std::optional<double> multiplier;       // m1
  std::optional<double> bias_multiplier;  // m2
  std::optional<PositionRule> positions;
  bool allow_other_weights = false;
};

// A prompt: exactly one of the three.
struct PromptSpec {
  std::vector<ChatMessage> messages;
  std::optional<std::string> text;  // raw; special tokens are recognised
  std::vector<TokenId> token_ids;
};

struct GenerateSpec {
  PromptSpec prompt;
  SamplingParams sampling;
  bool seed_given = false;  // otherwise admission draws one
  std::vector<ControlSpec> controls;
  std::optional<Clock::time_point> deadline;
};

// A control as it was resolved: what the receipt shows.
struct ResolvedControl {
  std::string name;  // as the caller wrote it
  std::string signal_id;
  double m1 = 0;
  double m2 = 0;
  PositionRule positions;
  std::vector<std::string> sites;
  bool other_weights = false;  // made for other weights of the same shape, and allowed
};

// What is known of a request once it is admitted.
struct Admitted {
  RequestId id = 0;
  SamplingParams sampling;  // as used, with the seed
  std::vector<ResolvedControl> controls;
  int prompt_tokens = 0;
  std::string model_fingerprint;
};

struct ScoreSpec {
  std::vector<PolarPair> pairs;
  std::string system;  // system message; empty = the template's default
  std::vector<ControlSpec>
      controls;                     // multipliers here are factors on top of ScoreSpec::multipliers
  std::vector<double> multipliers;  // each multiplies every control's own m
  std::optional<bool> end_of_turn;  // append the end-of-turn suffix to the answers; default: yes
                                    // with a chat template
  bool raw = false;                 // no chat template: the question is the prompt as it stands
};

struct LearnSpec {
  std::vector<PolarPair> pairs;
  std::string system;
  int layer = -1;     // 0-based; negative = the middle layer
  std::string alias;  // moved to the new signal when not empty
  std::map<std::string, std::string> labels;
  std::string description;
};

struct ModelInfo {
  std::string name;  // general.name of the file
  std::string architecture;
  std::string fingerprint;  // "<shape mark>:<weights mark>"
  ModelMarks marks;
  ModelShape shape;
  int64_t heads = 0, kv_heads = 0, head_dim = 0, vocabulary = 0;
  int64_t parameters = 0;
  int context_limit = 0;
  std::string dtype, device;
  bool has_chat_template = false;
  std::string default_system;
  std::vector<std::string> site_kinds;  // spellings allowed after "layers.<l>."
};

struct TokenizedText {
  std::vector<TokenId> tokens;
  std::vector<std::string> pieces;  // raw bytes of each token, special ones spelt out
  int head_length = 0;              // for chat messages
};

struct RuntimeStats {
  EngineStats engine;
  std::string pool;  // metrics label, e.g. "cpu:0"
  int signals_resident = 0;
  int64_t signal_bytes_resident = 0;
  int64_t kv_cache_bytes = 0;
  int64_t weight_bytes = 0;
};

// Builds and owns everything below the server: model, tokenizer, store, engine, jobs. The only
// class server/ calls. Thread-safe. Two can live in one process.
class Runtime {
 public:
  // Loads the model and runs one warm-up step.
  static absl::StatusOr<std::unique_ptr<Runtime>> Create(const RuntimeOptions& options);
  ~Runtime();

  // Validates, resolves and queues. On OK the sink gets the tokens and exactly one OnFinished,
  // possibly before this returns; on error it gets nothing. RESOURCE_EXHAUSTED with a retry delay
  // when too many requests wait.
  absl::StatusOr<Admitted> Generate(const GenerateSpec& spec, std::shared_ptr<EventSink> sink);
  void Cancel(RequestId id);

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

  RuntimeStats stats() const;
  // Refuses new requests with UNAVAILABLE from now on; running ones go on.
  void StartDraining();
  // Requests that have not finished.
  int in_flight() const;

 private:
  class Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace steer
