#pragma once

#include <memory>
#include <optional>
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
  bool finished = false;  // OnFinished was called

  Detokenizer detokenizer;
  std::string held_text;  // may be the beginning of a stop string
  std::optional<Clock::time_point> first_step;
  std::optional<Clock::time_point> first_token;

  // Positions that can run now. When scoring the last token never runs, since nothing is predicted
  // from it.
  int remaining() const;

  // Takes one sampled token: updates the text, emits a TokenEvent, and says whether and why the
  // sequence ends here. An end token gives an event without text. A stop string counts as soon as
  // it is complete, however the tokens split it; of those complete at the same byte the longest
  // counts, and the text ends before it. Once a reason is returned, `held_text` is all that is
  // still to be told.
  std::optional<FinishReason> Accept(TokenId token, float log_prob, int context_limit);

 private:
  void CutAtStop(size_t begin);
};

}  // namespace steer
