#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/analysis/answer_choice.h"
#include "core/analysis/polar_pair.h"
#include "core/analysis/sweep.h"
#include "core/analysis/text_measures.h"
#include "core/base/clock.h"
#include "core/base/types.h"
#include "core/schedule/request.h"
#include "core/schedule/sampling_params.h"
#include "core/signal/control_set.h"
#include "core/signal/positions.h"
#include "core/signal/signal_kind.h"
#include "core/tokenizer/chat_template.h"

// What callers ask of the runtime, and what they are told of it before anything runs.

namespace steer {

// A signal as a caller names it. Unset fields take the signal's defaults; m2 follows m1.
struct ControlSpec {
  std::string signal;                     // id or alias
  std::optional<double> multiplier;       // m1
  std::optional<double> bias_multiplier;  // m2
  std::optional<PositionRule> positions;
  bool allow_other_weights = false;
  std::vector<MultiplierRun> changes;  // by ascending position, from 1 on; only for generation
};

// A prompt: exactly one of the three.
struct PromptSpec {
  std::vector<ChatMessage> messages;
  std::optional<std::string> text;  // raw; special tokens are recognised
  std::vector<TokenId> token_ids;
};

// As SamplingParams; unset fields take the model's defaults.
struct SamplingSpec {
  std::optional<int> max_tokens;
  std::optional<int> min_tokens;
  std::optional<double> temperature;
  std::optional<int> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::map<TokenId, double> logit_bias;
  std::optional<uint64_t> seed;  // unset: drawn by admission
  std::vector<std::string> stop;
  std::vector<TokenId> stop_tokens;
  bool ignore_eos = false;
  bool log_probs = false;
  int top_log_probs = 0;
  std::optional<int> prompt_log_probs;
};

// What to do with a prompt that leaves no room for the answer.
enum class Truncation : uint8_t { kRefuse, kDropFirst, kDropLast };

// Utility that steering may cost, instead of multipliers. See UtilityBudgets.
struct BudgetSpec {
  double max_utility_loss = 0;               // U(0) - U(m) in MEAN nats; may be negative
  std::vector<std::string> less_preference;  // signals, as in `controls`, to steer away from
  std::vector<std::string> curve_ids;        // to go by; empty = the newest that fit
};

struct GenerateSpec {
  PromptSpec prompt;
  SamplingSpec sampling;
  std::vector<ControlSpec> controls;
  std::optional<BudgetSpec> budget;  // then no control has a multiplier
  int n = 1;                         // completions, 1 .. 16
  bool echo = false;
  Truncation truncation = Truncation::kRefuse;
  std::vector<TokenId> continue_tokens;  // the answer's first tokens, told by an earlier call
  std::optional<Clock::time_point> deadline;
};

// A control as it was resolved: what the receipt shows.
struct ResolvedControl {
  std::string name;  // as the caller wrote it
  std::string signal_id;
  SignalKind kind = SignalKind::kVector;
  double m1 = 0;  // from the first position on
  double m2 = 0;
  PositionRule positions;
  std::vector<std::string> sites;
  bool other_weights = false;  // made for other weights of the same shape, and allowed
};

// What a budget became: multipliers, and what the kept curves predict of them.
struct BudgetChoice {
  struct Share {
    std::string curve_id;
    double multiplier = 0;
    // Alone; not known of signals that were measured together.
    std::optional<double> preference_gain;
    std::optional<double> utility_loss;
    bool from_points = false;  // straight lines between measured points instead of the fitted laws
  };

  double max_utility_loss = 0;
  double preference_gain = 0;
  double utility_loss = 0;
  bool assumed_additive = false;  // sums of what several signals do one at a time
  std::vector<Share> shares;      // parallel to the controls
};

// The prompt, for callers who asked to see it.
struct PromptText {
  std::vector<TokenId> tokens;
  std::string text;  // special tokens spelt out; valid UTF-8
};

// What is known of a request once it is admitted.
struct Admitted {
  RequestId id = 0;         // completion i of it has the id `id + i` inside
  SamplingParams sampling;  // as used, with the seed
  int n = 1;
  std::vector<ResolvedControl> controls;
  std::optional<BudgetChoice> budget;
  int prompt_tokens = 0;
  int truncated_tokens = 0;          // left out of the prompt
  std::optional<PromptText> prompt;  // with echo or prompt_log_probs
  std::string model_fingerprint;
  std::string pool;  // that computes it
};

// Where a change of multiplier begins to act on one completion.
struct UpdatedCompletion {
  int completion = 0;
  int position = 0;     // the first on which it acts
  int first_token = 0;  // of the answer, from 0: the first that comes out under it
};

// Polar pairs and how they are written.
struct PairSetSpec {
  std::vector<PolarPair> pairs;
  std::string system;               // system message; empty = the template's default
  std::optional<bool> end_of_turn;  // append the end-of-turn suffix to the answers; default: yes
                                    // with a chat template
  bool raw = false;                 // pairs as they stand; see ScoreRequest.raw
  bool both_spellings = true;       // see TokenPair
};

struct ScoreSpec : PairSetSpec {
  // Multipliers here are factors on top of `multipliers`.
  std::vector<ControlSpec> controls;
  std::vector<double> multipliers;  // each multiplies every control's own m
};

// The curve of one signal, or of two together; the multipliers of their controls do not matter.
struct SweepSpec : PairSetSpec {
  struct Second {
    ControlSpec control;
    std::vector<double> multipliers;  // distinct, with 0
  };

  ControlSpec control;
  std::variant<std::vector<double>, AdaptiveGrid> grid;  // distinct values; see AdaptiveGrid
  std::optional<Second> second;  // only with given multipliers, 0 among them
};

// Questions and how they are written.
struct QuestionSetSpec {
  std::vector<std::string> questions;
  std::string system;
  bool raw = false;  // questions as they stand; else as pairs are written
};

// Answers to be told apart in a text; see ReadChoice.
struct AnswerChoice {
  std::string matching;
  std::string not_matching;
};

// Texts to be generated and measured.
struct TextSpec : QuestionSetSpec {
  std::vector<ControlSpec> controls;
  std::vector<double> multipliers;    // each multiplies every control's own m
  SamplingSpec sampling;              // question i has the seed `seed` (default 1) + i
  std::vector<AnswerChoice> choices;  // none, one for all, or one for each question
};

// One generated text.
struct MeasuredText {
  std::string question;
  std::string text;
  int tokens = 0;
  std::optional<double> plain_nll;  // nats per token in the plain model; none without tokens
  TextMeasures measures;
  std::optional<Chosen> chosen;  // with choices
};

// All questions at one multiplier; means over their texts.
struct TextPoint {
  double multiplier = 0;
  std::optional<double> plain_nll;  // over the texts that have one
  TextMeasures measures;
  std::optional<ChoiceCounts> choices;
  std::vector<MeasuredText> texts;
};

}  // namespace steer
