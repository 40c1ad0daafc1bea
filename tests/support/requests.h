#pragma once

#include <memory>
#include <utility>

#include "core/schedule/request.h"

namespace steer {

// A prompt of `prompt` tokens to be continued by up to `max_tokens`.
inline std::unique_ptr<Request> GenerateRequest(RequestId id, int prompt, int max_tokens,
                                                std::shared_ptr<EventSink> sink) {
  auto request = std::make_unique<Request>();
  request->id = id;
  request->tokens.assign(prompt, 'x');
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
  request->request_class = RequestClass::kBackground;
  for (int i = 0; i < forced; ++i) request->tokens.push_back('0' + i % 10);
  return request;
}

}  // namespace steer
