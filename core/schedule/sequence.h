#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/schedule/request.h"
#include "core/tokenizer/detokenizer.h"

namespace steer {

// A request on its way through the engine: its tokens so far, its KV blocks, its text state. Engine
// thread only.
struct Sequence {
  Sequence(std::unique_ptr<Request> request, const Tokenizer* tokenizer);

  std::unique_ptr<Request> request;
  std::vector<TokenId> tokens;  // request->tokens, then what was generated
  int computed = 0;             // positions whose keys and values are in the cache
  int generated = 0;
  std::vector<int> blocks;  // KV blocks in order of position
  std::vector<SteeredTokens> steered;
  std::vector<double> forced_log_probs;
  bool cancelled = false;

  Detokenizer detokenizer;
  std::string held_text;  // may be the beginning of a stop string
  Clock::time_point first_step;
  Clock::time_point first_token;

  // Takes one sampled token: updates the text, emits a TokenEvent, and says whether and why the
  // sequence ends here.
  std::optional<FinishReason> Accept(TokenId token, float log_prob, int context_limit);
};

}  // namespace steer
