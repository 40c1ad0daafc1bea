#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/types.h"
#include "core/schedule/event.h"
#include "core/schedule/sampling_params.h"
#include "core/signal/control_set.h"

namespace steer {

using RequestId = uint64_t;

enum class RequestKind : uint8_t { kGeneration, kScoring };

// Interactive requests go first; background ones (scoring) share what is left and never starve.
enum class RequestClass : uint8_t { kInteractive, kBackground };

// Positions [begin, end).
struct PositionRange {
  int begin = 0;
  int end = 0;
};

// A request that was checked by admission: whoever holds one need not check again.
//
// Generation: tokens = prompt, then the part of an answer that is resumed, if any. Scoring is the
// same road with nothing to sample: tokens = prompt and the forced continuation, and the answer is
// the log-probability of each forced token. Polar pairs do not come this way but in units
// (engine/fan_out.h); the warm-up step does.
struct Request {
  RequestId id = 0;
  RequestKind kind = RequestKind::kGeneration;
  RequestClass request_class = RequestClass::kInteractive;
  std::vector<TokenId> tokens;  // at least 1; when scoring, more than the prompt
  PromptLayout layout;
  SamplingParams sampling;          // unused when scoring
  std::vector<TokenId> end_tokens;  // of the model: generation ends after one (not emitted as text)
  ControlSet controls;              // the multipliers grow while it runs
  std::string tenant;               // whose prefix-cache entries it may share; "" = the common ones
  std::optional<Clock::time_point> deadline;
  Clock::time_point arrival;
  std::shared_ptr<EventSink> sink;

  bool scoring() const { return kind == RequestKind::kScoring; }
  // Tokens of an answer that began in an earlier request.
  int resumed() const {
    return scoring() ? 0 : static_cast<int>(tokens.size()) - layout.prompt_length;
  }
  // The positions whose next token is known and its log-probability asked for.
  PositionRange forced() const {
    if (scoring()) return {layout.prompt_length - 1, static_cast<int>(tokens.size()) - 1};
    if (sampling.prompt_log_probs) return {0, layout.prompt_length - 1};
    return {};
  }
};

}  // namespace steer
