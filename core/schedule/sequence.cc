#include "core/schedule/sequence.h"

#include <algorithm>
#include <utility>

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

Sequence::Sequence(std::unique_ptr<Request> request, const Tokenizer* tokenizer)
    : request(std::move(request)),
      tokens(this->request->tokens),
      steered(this->request->controls.size()),
      detokenizer(tokenizer) {}

int Sequence::remaining() const {
  return static_cast<int>(tokens.size()) - (request->scoring() ? 1 : 0) - computed;
}

std::optional<FinishReason> Sequence::Accept(TokenId token, float log_prob, int context_limit) {
  const SamplingParams& sampling = request->sampling;
  tokens.push_back(token);
  ++generated;
  TokenEvent event;
  event.token = token;
  if (sampling.log_probs) event.log_prob = log_prob;

  const bool is_end = std::find(request->end_tokens.begin(), request->end_tokens.end(), token) !=
                      request->end_tokens.end();
  if (!is_end) held_text += detokenizer.Append(token);
  const std::optional<size_t> stop = FindStop(held_text, sampling.stop);
  const size_t told = stop ? *stop : held_text.size() - HeldBytes(held_text, sampling.stop);
  event.text = held_text.substr(0, told);
  held_text.erase(0, told);
  request->sink->OnToken(std::move(event));

  if (stop) {
    CutAtStop(0);
    return FinishReason::kStop;
  }
  const bool is_full =
      generated >= sampling.max_tokens || static_cast<int>(tokens.size()) >= context_limit;
  if (!is_end && !is_full) return std::nullopt;
  // What the detokenizer still had may complete a stop string, too.
  held_text += detokenizer.Flush();
  if (const std::optional<size_t> late_stop = FindStop(held_text, sampling.stop)) {
    CutAtStop(*late_stop);
    return FinishReason::kStop;
  }
  return is_end ? FinishReason::kEndOfText : FinishReason::kLength;
}

void Sequence::CutAtStop(size_t begin) {
  held_text.resize(begin);
  detokenizer.Flush();  // bytes after the stop string belong to nobody
}

}  // namespace steer
