#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/gguf.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

struct ChatMessage {
  std::string role;  // "system", "user" or "assistant"
  std::string content;
};

// A rendered conversation, tokenised, with what the position rules and the scorer must know of it.
struct RenderedChat {
  std::vector<TokenId> tokens;
  // Tokens before the last user message's text that do not depend on it: the longest common prefix
  // of two renderings with different user text. Without a user message these are all tokens.
  int head_length = 0;
};

// Renders ChatML (<|im_start|>role newline content <|im_end|> newline). Immutable and thread-safe.
class ChatTemplate {
 public:
  // UNIMPLEMENTED if the file's template is not ChatML, NOT_FOUND if it has none: the model then
  // takes raw prompts only. `tokenizer` must outlive the result.
  static absl::StatusOr<std::unique_ptr<const ChatTemplate>> FromGguf(const GgufFile& file,
                                                                      const Tokenizer* tokenizer);

  // Ends with the opening of the assistant's turn. The default system message of the template is
  // used when the first message is not a system message. INVALID_ARGUMENT (field
  // "messages[i].role") for an unknown role or a system message that is not first; for no message
  // at all. Spellings of special tokens inside `content` stay ordinary text.
  absl::StatusOr<RenderedChat> Render(const std::vector<ChatMessage>& messages) const;

  // What a rendering ends with: <|im_start|>assistant and a newline.
  const std::vector<TokenId>& opening() const { return opening_; }
  // What follows an assistant's answer: <|im_end|> and a newline.
  const std::vector<TokenId>& end_of_turn() const { return end_of_turn_; }
  // Empty if the template has none.
  const std::string& default_system() const { return default_system_; }

 private:
  ChatTemplate(const Tokenizer* tokenizer, TokenId start, TokenId end, std::string default_system);
  // What stands between <|im_start|> and <|im_end|>.
  std::vector<TokenId> EncodeTurn(absl::string_view role, absl::string_view content) const;
  void AppendTurn(absl::string_view role, absl::string_view content,
                  std::vector<TokenId>* tokens) const;

  const Tokenizer* tokenizer_;
  TokenId start_;
  std::vector<TokenId> opening_;
  std::vector<TokenId> end_of_turn_;
  std::string default_system_;
};

}  // namespace steer
