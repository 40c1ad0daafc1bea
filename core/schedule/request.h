#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "core/base/types.h"
#include "core/schedule/event.h"
#include "core/schedule/sampling_params.h"
#include "core/signal/control_set.h"

namespace steer {

using RequestId = uint64_t;

// Interactive requests go first; background ones (scoring) share what is left and never starve.
enum class RequestClass : uint8_t { kInteractive, kBackground };

// A request that was checked by admission: whoever holds one need not check again.
//
// Generation: tokens = prompt, nothing forced. Scoring is the same road with nothing to sample:
// tokens = prompt and the forced continuation, and the answer is the log-probability of each forced
// token.
struct Request {
  RequestId id = 0;
  RequestClass request_class = RequestClass::kInteractive;
  std::vector<TokenId> tokens;  // prompt, then forced continuation; at least 1
  PromptLayout layout;          // prompt_length == tokens.size() when generating, less when scoring
  SamplingParams sampling;      // unused when scoring
  std::vector<TokenId> end_tokens;  // generation ends after one of these (not emitted as text)
  ControlSet controls;
  std::optional<Clock::time_point> deadline;
  Clock::time_point arrival;
  std::shared_ptr<EventSink> sink;

  bool scoring() const { return layout.prompt_length < static_cast<int>(tokens.size()); }
};

}  // namespace steer
