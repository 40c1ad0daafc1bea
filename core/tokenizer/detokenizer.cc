#include "core/tokenizer/detokenizer.h"

#include <utility>

#include "absl/strings/string_view.h"
#include "core/tokenizer/utf8.h"

namespace steer {

std::string Detokenizer::Append(TokenId token) {
  pending_ += tokenizer_->Bytes(token, /*with_special=*/false);
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
  AppendValidUtf8(std::exchange(pending_, {}), &text);
  return text;
}

std::string Detokenize(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
                       bool with_special) {
  std::string bytes;
  for (const TokenId token : tokens) bytes += tokenizer.Bytes(token, with_special);
  std::string text;
  AppendValidUtf8(bytes, &text);
  return text;
}

}  // namespace steer
