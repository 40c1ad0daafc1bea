#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/runtime/generation_config.h"
#include "core/runtime/specs.h"
#include "core/signal/control_set.h"
#include "core/signal/signal_data.h"
#include "core/store/signal_store.h"
#include "core/tokenizer/chat_template.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// A prompt as tokens.
struct PreparedPrompt {
  std::vector<TokenId> tokens;
  PromptLayout layout;
  int truncated = 0;  // tokens left out
};

// Controls of one request: what acts and what is told about it, parallel. The signals' tensors are
// not there yet: which device's they are is decided later.
struct PreparedControls {
  ControlSet set;
  std::vector<ResolvedControl> resolved;

  // The same with every multiplier times `factor`.
  ControlSet Scaled(double factor) const;
};

// The second and last place where requests are checked: what they mean for this model and this
// store. Syntax was checked by the server. Everything it returns is valid and needs no further
// checks. Knows no tensors. Thread-safe.
class Admission {
 public:
  struct Limits {
    int positions = 0;  // of one sequence: the smaller of the model's context and the KV pool
    int max_controls = 64;
    double max_multiplier = 1e6;
  };
  // What requests are held against; what is pointed to outlives this.
  struct Model {
    int64_t vocabulary = 0;
    ModelMarks marks;
    const Tokenizer* tokenizer = nullptr;
    const ChatTemplate* chat = nullptr;  // null: raw prompts only
    GenerationConfig generation;
  };
  Admission(Model model, SignalStore* store, Limits limits)
      : model_(std::move(model)), store_(store), limits_(limits) {}

  // With the model's defaults where the caller left something out, and a seed. max_tokens stays
  // unlimited (INT_MAX) if it was left out.
  SamplingParams Sampling(const SamplingSpec& spec) const;
  // Prompt and sampling that fit the context together, the prompt shortened if the caller allows
  // it.
  absl::StatusOr<PreparedPrompt> Prompt(const GenerateSpec& spec, SamplingParams& sampling) const;
  // A prompt of whatever length.
  absl::StatusOr<PreparedPrompt> Tokens(const PromptSpec& spec) const;
  // The part of an answer to resume after.
  absl::Status CheckContinued(const GenerateSpec& spec, const SamplingParams& sampling) const;

  absl::StatusOr<PreparedControls> Controls(const std::vector<ControlSpec>& specs) const;
  absl::Status CheckMultiplier(double m, const std::string& field) const;
  // `factor` on top of every control's own multipliers must stay within the limits, too.
  absl::Status CheckFactor(const PreparedControls& controls, double factor,
                           const std::string& field) const;

  // Both answers of a pair joined to the prompt and tokenised as one text, so that a merge across
  // the border shows.
  struct PairFormat {
    std::string system;
    bool raw = false;
    bool end_of_turn = false;
  };
  absl::StatusOr<std::vector<TokenPair>> Pairs(const std::vector<PolarPair>& pairs,
                                               const PairFormat& format) const;

  bool has_chat_template() const { return model_.chat != nullptr; }

 private:
  struct JoinedText {
    ForcedText text;
    bool prompt_is_prefix = true;
  };
  absl::StatusOr<PreparedPrompt> Chat(const std::vector<ChatMessage>& messages) const;
  absl::Status CheckIds(const std::vector<TokenId>& ids, const std::string& field) const;
  absl::Status Truncate(const GenerateSpec& spec, int length, PreparedPrompt& prompt) const;
  absl::StatusOr<JoinedText> Join(const PolarPair& pair, const std::string& answer,
                                  const PairFormat& format) const;
  absl::StatusOr<TokenPair> Pair(const PolarPair& pair, const PairFormat& format,
                                 const std::string& field) const;
  absl::StatusOr<ControlEntry> Control(const ControlSpec& spec, const std::string& field,
                                       ResolvedControl& resolved) const;
  absl::Status AddChanges(const ControlSpec& spec, const std::string& field,
                          ControlEntry& entry) const;
  std::vector<TokenId> EncodeRaw(const std::string& text) const;

  const Model model_;
  SignalStore* const store_;
  const Limits limits_;
};

}  // namespace steer
