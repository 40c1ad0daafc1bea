#include "core/tokenizer/detokenizer.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "core/tokenizer/utf8.h"

namespace steer {

namespace {

// Adds the bytes of `token` to `bytes`, and keeps count of whether there have been any.
void AppendBytes(const Tokenizer& tokenizer, TokenId token, bool with_special, bool* at_start,
                 std::string* bytes) {
  const std::string next = tokenizer.Bytes(token, with_special);
  if (next.empty()) return;
  *bytes += *at_start ? tokenizer.OpeningBytes(token, with_special) : next;
  *at_start = false;
}

}  // namespace

std::string Detokenizer::Append(TokenId token) {
  AppendBytes(*tokenizer_, token, /*with_special=*/false, &at_start_, &pending_);
  size_t ready = 0;
  while (ready < pending_.size()) {
    const Utf8Chunk chunk = NextUtf8(absl::string_view(pending_).substr(ready));
    if (chunk.kind == Utf8Chunk::Kind::kIncomplete) break;
    ready += chunk.length;
  }
  std::string text;
  AppendValidUtf8(absl::string_view(pending_).substr(0, ready), &text);
  pending_.erase(0, ready);
  return text;
}

std::string Detokenizer::Flush() {
  std::string text;
  at_start_ = true;
  AppendValidUtf8(std::exchange(pending_, {}), &text);
  return text;
}

std::string Detokenize(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
                       bool with_special) {
  std::string bytes;
  bool at_start = true;
  for (const TokenId token : tokens) {
    AppendBytes(tokenizer, token, with_special, &at_start, &bytes);
  }
  std::string text;
  AppendValidUtf8(bytes, &text);
  return text;
}

}  // namespace steer
