#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/types.h"
#include "core/signal/control_set.h"

namespace steer {

enum class FinishReason : uint8_t {
  kStop,
  kEndOfText,
  kLength,
  kCancelled,
  kDeadline,
  kError,
  kScored
};
absl::string_view Name(FinishReason reason);  // "stop", "end_of_text", …; also the metric label

// Natural log, raw distribution.
struct TokenLogProb {
  TokenId token = 0;
  float log_prob = 0;
};
// The likeliest tokens of one distribution, best first; the lowest id first among equals.
using TopLogProbs = std::vector<TokenLogProb>;

// One generated token. `text` is whole UTF-8 and may be empty: a character may need several tokens,
// and text that may begin a stop string is held back.
struct TokenEvent {
  TokenId token = 0;
  std::string text;
  std::optional<float> log_prob;  // natural log, raw distribution
  TopLogProbs top;                // as many as were asked for
};

// The prompt's log-probabilities, for requests that ask for them: of each token but the first,
// given those before it. Comes once, before the first token.
struct PromptEvent {
  std::vector<double> log_probs;
  std::vector<TopLogProbs> top;  // parallel, if alternatives were asked for
};

// The last event of every request, whatever happened.
struct FinishedEvent {
  FinishReason reason = FinishReason::kError;
  absl::Status status;    // OK for kStop, kEndOfText, kLength and kScored
  std::string tail_text;  // text that was held back and belongs to the answer
  int prompt_tokens = 0;
  int generated_tokens = 0;      // in this request: not those it resumed after
  int reused_prompt_tokens = 0;  // positions of the prompt that were found, not computed
  int preemptions = 0;
  // Both parallel to Request::controls; the multipliers as they acted, without what was planned for
  // positions that never came.
  std::vector<SteeredTokens> steered;
  std::vector<std::vector<MultiplierRun>> multipliers;
  std::vector<double> forced_log_probs;  // log p of each forced token (Request::tokens past
                                         // prompt_length), when scoring
  double queue_seconds = 0;              // submission to the first step
  double first_token_seconds = 0;        // submission to the first token; 0 if there was none
  double total_seconds = 0;
};

// Where a request's events go. Called on the engine thread only; must not block and must not call
// back into the engine.
class EventSink {
 public:
  virtual ~EventSink() = default;
  // Only to requests with SamplingParams::prompt_log_probs.
  virtual void OnPrompt(PromptEvent /*event*/) {}  // NOLINT(performance-unnecessary-value-param)
  virtual void OnToken(TokenEvent event) = 0;
  // Exactly once, last.
  virtual void OnFinished(FinishedEvent event) = 0;
};

}  // namespace steer
