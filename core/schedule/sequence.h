#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/schedule/block_key.h"
#include "core/schedule/request.h"
#include "core/tokenizer/detokenizer.h"

namespace steer {

// The KV blocks that a sequence holds in one group of layers, in order of position: `first` and
// those that follow. What lies before is seen by none of its later positions.
struct BlockTable {
  int first = 0;
  std::vector<int> blocks;

  int end() const { return first + static_cast<int>(blocks.size()); }
  int at(int block) const { return blocks.at(block - first); }
};

// A request on its way through the engine: its tokens so far, its KV blocks, its text state. Engine
// thread only.
struct Sequence {
  // `root` is the parent of its first block's key.
  Sequence(std::unique_ptr<Request> request, const Tokenizer* tokenizer, const BlockKey& root);

  std::unique_ptr<Request> request;
  uint64_t order = 0;              // of arrival in the scheduler
  std::vector<TokenId> tokens;     // request->tokens, then what was generated
  int computed = 0;                // positions whose keys and values are in the cache now
  int high_water = 0;              // positions that were computed or reused at least once
  int generated = 0;               // tokens of the answer, those it resumed after included
  std::vector<BlockTable> tables;  // by group; the scheduler makes them
  int published = 0;               // blocks that others can find, from the first on
  int reused_prompt_tokens = 0;
  int preemptions = 0;
  std::vector<SteeredTokens> steered;
  std::vector<double> forced_log_probs;
  std::vector<TopLogProbs> forced_top;
  bool preempted = false;    // made room in this step; computed again later
  bool prompt_told = false;  // OnPrompt was called
  bool cancelled = false;
  bool finished = false;              // OnFinished was called
  std::optional<FinishReason> ended;  // what it resumes after had ended already

  Detokenizer detokenizer;
  std::string held_text;  // may be the beginning of a stop string
  std::optional<Clock::time_point> first_step;
  std::optional<Clock::time_point> first_token;

  bool holds_blocks() const;
  // Positions that can run now. When scoring the last token never runs, since nothing is predicted
  // from it.
  int remaining() const { return runnable() - computed; }
  // Its next step yields a token and computes nothing else.
  bool is_decoding() const { return generated > 0 && remaining() == 1; }
  // Positions of which none, or none that tells anything, may be taken from the prefix cache:
  // reuse ends before this one.
  int ReuseLimit() const;
  // The key of a block that is filled with known tokens.
  const BlockKey& Key(int block, int block_size);

  // From the first position that never ran, the control's multipliers are these. Returns that
  // position.
  int SetMultipliers(size_t control, double m1, double m2, int block_size);

  // Takes one sampled token: updates the text, emits a TokenEvent, and says whether and why the
  // sequence ends here. A token that ends it gives an event without text. A stop string counts as
  // soon as it is complete, however the tokens split it; of those complete at the same byte the
  // longest counts, and the text ends before it. Once a reason is returned, `held_text` is all that
  // is still to be told.
  std::optional<FinishReason> Accept(TokenId token, float log_prob, TopLogProbs top,
                                     int context_limit);

 private:
  int runnable() const { return static_cast<int>(tokens.size()) - (request->scoring() ? 1 : 0); }
  std::optional<FinishReason> Ends(TokenId token) const;
  // The text that `token` lets go out, and whether a stop string ends it.
  std::string Read(TokenId token, bool& stopped);
  // Whether and why the answer ends with `token`, whose text was read. If so, `held_text` is what
  // is still to be told.
  std::optional<FinishReason> EndAfter(TokenId token, bool stopped, bool is_full);
  void CutAtStop(size_t begin);

  std::vector<BlockKey> keys_;  // root, then one per full block as far as they were asked for
};

}  // namespace steer
