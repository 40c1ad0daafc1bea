#include "core/schedule/sequence.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace steer {
namespace {

// Where the stop string begins that is complete first (the longest of those that end there). Going
// by the end makes the answer the same however the text was split into tokens.
std::optional<size_t> FindStop(const std::string& text, const std::vector<std::string>& stops) {
  std::optional<size_t> begin;
  size_t end = std::string::npos;
  for (const std::string& stop : stops) {
    const size_t found = text.find(stop);
    if (found == std::string::npos) continue;
    const size_t found_end = found + stop.size();
    if (!begin || found_end < end || (found_end == end && found < *begin)) {
      begin = found;
      end = found_end;
    }
  }
  return begin;
}

// Bytes at the end of `text` that may begin a stop string.
size_t HeldBytes(const std::string& text, const std::vector<std::string>& stops) {
  size_t held = 0;
  for (const std::string& stop : stops) {
    for (size_t n = std::min(stop.size() - 1, text.size()); n > held; --n) {
      if (text.compare(text.size() - n, n, stop, 0, n) == 0) held = n;
    }
  }
  return held;
}

}  // namespace

Sequence::Sequence(std::unique_ptr<Request> request, const Tokenizer* tokenizer,
                   const BlockKey& root)
    : request(std::move(request)),
      tokens(this->request->tokens),
      steered(this->request->controls.size()),
      detokenizer(tokenizer),
      keys_{root} {
  // What is resumed has been told: only the text's state is made again.
  for (size_t i = this->request->layout.prompt_length;
       !this->request->scoring() && i < tokens.size() && !ended; ++i) {
    ++generated;
    bool stopped = false;
    Read(tokens[i], stopped);
    ended = EndAfter(tokens[i], stopped, /*is_full=*/false);
  }
}

bool Sequence::holds_blocks() const {
  return std::any_of(tables.begin(), tables.end(),
                     [](const BlockTable& table) { return !table.blocks.empty(); });
}

int Sequence::ReuseLimit() const {
  // At least one position has to run, since a cache has no logits.
  int limit = runnable() - 1;
  const PositionRange forced = request->forced();
  if (high_water < forced.end) limit = std::min(limit, std::max(forced.begin, high_water));
  return limit;
}

const BlockKey& Sequence::Key(int block, int block_size) {
  STEER_CHECK((block + 1) * block_size <= static_cast<int>(tokens.size()));
  while (static_cast<int>(keys_.size()) <= block + 1) {
    const int begin = (static_cast<int>(keys_.size()) - 1) * block_size;
    const std::span<const TokenId> held(tokens.data() + begin, static_cast<size_t>(block_size));
    keys_.push_back(NextKey(keys_.back(), held, begin, request->controls, request->layout));
  }
  return keys_[block + 1];
}

int Sequence::SetMultipliers(size_t control, double m1, double m2, int block_size) {
  steer::SetMultipliers(request->controls[control], high_water, m1, m2);
  const size_t certain = 1 + static_cast<size_t>(high_water / block_size);
  if (keys_.size() > certain) keys_.resize(certain);
  return high_water;
}

std::optional<FinishReason> Sequence::Ends(TokenId token) const {
  const SamplingParams& sampling = request->sampling;
  if (generated <= sampling.min_tokens) return std::nullopt;
  const auto is_in = [token](const std::vector<TokenId>& ids) {
    return std::find(ids.begin(), ids.end(), token) != ids.end();
  };
  if (!sampling.ignore_eos && is_in(request->end_tokens)) return FinishReason::kEndOfText;
  if (is_in(sampling.stop_tokens)) return FinishReason::kStop;
  return std::nullopt;
}

std::string Sequence::Read(TokenId token, bool& stopped) {
  const SamplingParams& sampling = request->sampling;
  const bool is_end = Ends(token).has_value();
  if (!is_end) held_text += detokenizer.Append(token);
  // Before min_tokens a stop string is text like any other.
  if (generated <= sampling.min_tokens) return std::exchange(held_text, {});
  const std::optional<size_t> stop = FindStop(held_text, sampling.stop);
  stopped = stop.has_value();
  const size_t told = stop ? *stop : held_text.size() - HeldBytes(held_text, sampling.stop);
  std::string text = held_text.substr(0, told);
  held_text.erase(0, told);
  return text;
}

std::optional<FinishReason> Sequence::Accept(TokenId token, float log_prob, TopLogProbs top,
                                             int context_limit) {
  const SamplingParams& sampling = request->sampling;
  tokens.push_back(token);
  ++generated;
  TokenEvent event;
  event.token = token;
  if (sampling.log_probs) event.log_prob = log_prob;
  event.top = std::move(top);
  bool stopped = false;
  event.text = Read(token, stopped);
  request->sink->OnToken(std::move(event));

  const bool is_full =
      generated >= sampling.max_tokens || static_cast<int>(tokens.size()) >= context_limit;
  return EndAfter(token, stopped, is_full);
}

std::optional<FinishReason> Sequence::EndAfter(TokenId token, bool stopped, bool is_full) {
  const SamplingParams& sampling = request->sampling;
  if (stopped) {
    CutAtStop(0);
    return FinishReason::kStop;
  }
  const std::optional<FinishReason> end = Ends(token);
  if (!end && !is_full) return std::nullopt;
  // What the detokenizer still had may complete a stop string, too.
  held_text += detokenizer.Flush();
  if (const std::optional<size_t> late_stop = FindStop(held_text, sampling.stop);
      late_stop && generated > sampling.min_tokens) {
    CutAtStop(*late_stop);
    return FinishReason::kStop;
  }
  return end.value_or(FinishReason::kLength);
}

void Sequence::CutAtStop(size_t begin) {
  held_text.resize(begin);
  detokenizer.Flush();  // bytes after the stop string belong to nobody
}

}  // namespace steer
