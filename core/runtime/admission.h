#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/learn/difference_of_means.h"
#include "core/model/model_config.h"
#include "core/runtime/resident_signals.h"
#include "core/runtime/runtime.h"
#include "core/signal/control_set.h"

namespace steer {

// A prompt as tokens.
struct PreparedPrompt {
  std::vector<TokenId> tokens;
  PromptLayout layout;
};

// Controls of one request: what acts and what is told about it, parallel.
struct PreparedControls {
  ControlSet set;
  std::vector<ResolvedControl> resolved;

  // The same with every multiplier times `factor`.
  ControlSet Scaled(double factor) const;
};

// The second and last place where requests are checked: what they mean for this model and this
// store. Syntax was checked by the server. Everything it returns is valid and needs no further
// checks. Thread-safe.
class Admission {
 public:
  struct Limits {
    int positions = 0;  // of one sequence: the smaller of the model's context and the KV pool
    int max_controls = 64;
    double max_multiplier = 1e6;
  };
  Admission(const ModelConfig& config, ModelMarks marks, const Tokenizer* tokenizer,
            const ChatTemplate* chat, SignalStore* store, ResidentSignals* resident, Limits limits);

  absl::StatusOr<PreparedPrompt> Prompt(const PromptSpec& spec) const;
  absl::StatusOr<PreparedControls> Controls(const std::vector<ControlSpec>& specs) const;
  // `factor` on top of every control's own multipliers must stay within the limits, too.
  absl::Status CheckFactor(const PreparedControls& controls, double factor,
                           const std::string& field) const;
  // Prompt and answer must fit.
  absl::Status CheckLength(int prompt_tokens, const SamplingParams& sampling) const;

  // Both answers of a pair joined to the prompt and tokenised as one text, so that a merge across
  // the border shows.
  struct PairFormat {
    std::string system;
    bool raw = false;
    bool end_of_turn = false;
  };
  absl::StatusOr<std::vector<TokenPair>> Pairs(const std::vector<PolarPair>& pairs,
                                               const PairFormat& format) const;

  bool has_chat_template() const { return chat_ != nullptr; }

 private:
  struct JoinedText {
    ForcedText text;
    bool prompt_is_prefix = true;
  };
  absl::StatusOr<PreparedPrompt> Chat(const std::vector<ChatMessage>& messages) const;
  absl::StatusOr<JoinedText> Join(const PolarPair& pair, const std::string& answer,
                                  const PairFormat& format) const;
  absl::StatusOr<TokenPair> Pair(const PolarPair& pair, const PairFormat& format,
                                 const std::string& field) const;
  absl::StatusOr<ControlEntry> Control(const ControlSpec& spec, const std::string& field,
                                       ResolvedControl& resolved) const;
  std::vector<TokenId> EncodeRaw(const std::string& text) const;

  const ModelConfig config_;
  const ModelMarks marks_;
  const Tokenizer* const tokenizer_;
  const ChatTemplate* const chat_;  // null: raw prompts only
  SignalStore* const store_;
  ResidentSignals* const resident_;
  const Limits limits_;
};

}  // namespace steer
