#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/polar_pair.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/analysis/scorer.h"
#include "core/base/types.h"
#include "core/runtime/generation_config.h"
#include "core/runtime/specs.h"
#include "core/schedule/sampling_params.h"
#include "core/signal/positions.h"
#include "core/tokenizer/chat_template.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// A base model's prompt, in one stated form, so that figures can be compared.
std::string AsQuestion(const std::string& system, const std::string& question);

// A prompt as tokens.
struct PreparedPrompt {
  std::vector<TokenId> tokens;
  PromptLayout layout;
  int truncated = 0;  // tokens left out
};

// The second and last place where requests are checked: what prompts, sampling and pairs mean for
// this model (ControlResolver: what controls mean). Syntax was checked by the server. Everything it
// returns is valid and needs no further checks. Knows no tensors. Thread-safe.
class Admission {
 public:
  // What requests are held against; what is pointed to outlives this.
  struct Model {
    int64_t vocabulary = 0;
    const Tokenizer* tokenizer = nullptr;
    const ChatTemplate* chat = nullptr;  // null: raw prompts only
    GenerationConfig generation;
    int positions = 0;  // of one sequence: the smaller of the model's context and the KV pool
  };
  explicit Admission(const Model& model) : model_(model) {}

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

  // Both answers of a pair joined to the prompt and tokenised as one text, so that a merge across
  // the border shows.
  enum class PairForm {
    kChat,            // by the model's template
    kQuestionAnswer,  // for base models: "Question: <question>\nAnswer: <answer>", a system text
                      // and an empty line before it
    kVerbatim,        // the question, and the answer behind it, as they stand
  };
  struct PairFormat {
    std::string system;
    PairForm form = PairForm::kChat;
    bool end_of_turn = false;
    bool both_spellings = false;  // see TokenPair; a template may write them alike: then one
  };
  // What pairs are written in unless their sender asks for them as they stand.
  PairForm form() const {
    return has_chat_template() ? PairForm::kChat : PairForm::kQuestionAnswer;
  }
  absl::StatusOr<std::vector<TokenPair>> Pairs(const std::vector<PolarPair>& pairs,
                                               const PairFormat& format) const;

  // After which a generation ends.
  std::vector<TokenId> end_tokens() const { return model_.tokenizer->end_tokens(); }
  bool has_chat_template() const { return model_.chat != nullptr; }

 private:
  struct JoinedText {
    ForcedText text;
    bool prompt_is_prefix = true;
  };
  absl::StatusOr<PreparedPrompt> Chat(const std::vector<ChatMessage>& messages) const;
  absl::Status CheckIds(const std::vector<TokenId>& ids, const std::string& field) const;
  absl::Status Truncate(const GenerateSpec& spec, int length, PreparedPrompt& prompt) const;
  absl::StatusOr<JoinedText> Join(const std::string& question, const std::string& answer,
                                  const PairFormat& format) const;
  absl::StatusOr<std::vector<JoinedText>> Spellings(const std::string& question,
                                                    const std::string& answer,
                                                    const PairFormat& format) const;
  absl::Status CheckJoined(const ForcedText& text, const std::string& field,
                           const char* answer) const;
  absl::StatusOr<TokenPair> Pair(const PolarPair& pair, const PairFormat& format,
                                 const std::string& field) const;
  std::vector<TokenId> EncodeRaw(const std::string& text) const;

  const Model model_;
};

// A question alone, in the form that a pair's question has.
PromptSpec AsPrompt(const std::string& system, const std::string& question,
                    Admission::PairForm form);

}  // namespace steer
