#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/schedule/request.h"

namespace steer {

// A prompt of `prompt` tokens to be continued by up to `max_tokens`. It begins with a token of its
// own, so that requests share blocks only where a test gives them the same tokens.
inline std::unique_ptr<Request> GenerateRequest(RequestId id, int prompt, int max_tokens,
                                                std::shared_ptr<EventSink> sink) {
  auto request = std::make_unique<Request>();
  request->id = id;
  request->tokens.assign(prompt, 'x');
  request->tokens[0] = static_cast<TokenId>(id);
  request->layout.prompt_length = prompt;
  request->sampling.max_tokens = max_tokens;
  request->sampling.seed = id;
  request->arrival = Clock::now();
  request->sink = std::move(sink);
  return request;
}

// A background request: `forced` tokens after `prompt` tokens to be judged.
inline std::unique_ptr<Request> ScoreRequest(RequestId id, int prompt, int forced,
                                             std::shared_ptr<EventSink> sink) {
  auto request = GenerateRequest(id, prompt, 1, std::move(sink));
  request->kind = RequestKind::kScoring;
  request->request_class = RequestClass::kBackground;
  for (int i = 0; i < forced; ++i) request->tokens.push_back('0' + i % 10);
  return request;
}

// The signal acts with `multiplier` on what `positions` selects.
inline ControlEntry Steering(std::string signal_id, double multiplier,
                             const PositionRule& positions = {}) {
  ControlEntry entry;
  entry.signal_id = std::move(signal_id);
  entry.multipliers = {{.position = 0, .m1 = multiplier, .m2 = multiplier}};
  entry.positions = positions;
  return entry;
}

}  // namespace steer
