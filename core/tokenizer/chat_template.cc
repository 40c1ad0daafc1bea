#include "core/tokenizer/chat_template.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/chatml.h"
#include "core/tokenizer/utf8.h"

namespace steer {
namespace {

absl::StatusOr<TokenId> SpecialToken(absl::string_view spelling, const Tokenizer& tokenizer) {
  const std::vector<TokenId> tokens = tokenizer.Encode(spelling, /*parse_special=*/true);
  if (tokens.size() == 1 && tokenizer.IsSpecial(tokens[0])) return tokens[0];
  return FieldError(
      absl::StatusCode::kUnimplemented,
      {"UNKNOWN_CHAT_TEMPLATE", "tokenizer.ggml.tokens",
       absl::StrCat("a vocabulary without ", spelling), "one that has ChatML's special tokens"});
}

absl::Status CheckMessages(const std::vector<ChatMessage>& messages) {
  if (messages.empty()) return InvalidField("messages", "no message", "at least one");
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role == "user" || role == "assistant" || (role == "system" && i == 0)) continue;
    return InvalidField(absl::StrCat("prompt.chat.messages[", i, "].role"),
                        absl::StrCat("'", role, "'"),
                        i == 0 ? "'system', 'user' or 'assistant'"
                               : "'user' or 'assistant'; 'system' only in the first message");
  }
  return absl::OkStatus();
}

std::optional<size_t> LastUserMessage(const std::vector<ChatMessage>& messages) {
  for (size_t i = messages.size(); i-- > 0;) {
    if (messages[i].role == "user") return i;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::unique_ptr<const ChatTemplate>> ChatTemplate::FromGguf(
    const GgufFile& file, const Tokenizer* tokenizer) {
  constexpr char kKey[] = "tokenizer.chat_template";
  STEER_ASSIGN_OR_RETURN(const std::string chat_template, file.String(kKey));
  if (const auto bad = FirstInvalidUtf8(chat_template)) {
    return InvalidField(kKey, absl::StrCat("another byte at offset ", *bad), "UTF-8");
  }
  STEER_ASSIGN_OR_RETURN(std::string default_system, RecogniseChatMl(chat_template, *tokenizer));
  STEER_ASSIGN_OR_RETURN(const TokenId start, SpecialToken(kChatMlStart, *tokenizer));
  STEER_ASSIGN_OR_RETURN(const TokenId end, SpecialToken(kChatMlEnd, *tokenizer));
  return std::unique_ptr<const ChatTemplate>(
      new ChatTemplate(tokenizer, start, end, std::move(default_system)));
}

ChatTemplate::ChatTemplate(const Tokenizer* tokenizer, TokenId start, TokenId end,
                           std::string default_system)
    : tokenizer_(tokenizer),
      start_(start),
      opening_{start},
      end_of_turn_{end},
      default_system_(std::move(default_system)) {
  const std::vector<TokenId> newline = tokenizer->Encode("\n", /*parse_special=*/false);
  end_of_turn_.insert(end_of_turn_.end(), newline.begin(), newline.end());
  const std::vector<TokenId> assistant = EncodeTurn("assistant", "");
  opening_.insert(opening_.end(), assistant.begin(), assistant.end());
}

std::vector<TokenId> ChatTemplate::EncodeTurn(absl::string_view role,
                                              absl::string_view content) const {
  // One stretch: the newline after the role may merge with white space at the content's start.
  return tokenizer_->Encode(absl::StrCat(role, "\n", content), /*parse_special=*/false);
}

void ChatTemplate::AppendTurn(absl::string_view role, absl::string_view content,
                              std::vector<TokenId>* tokens) const {
  tokens->push_back(start_);
  const std::vector<TokenId> turn = EncodeTurn(role, content);
  tokens->insert(tokens->end(), turn.begin(), turn.end());
  tokens->insert(tokens->end(), end_of_turn_.begin(), end_of_turn_.end());
}

absl::StatusOr<RenderedChat> ChatTemplate::Render(const std::vector<ChatMessage>& messages) const {
  STEER_RETURN_IF_ERROR(CheckMessages(messages));
  const std::optional<size_t> last_user = LastUserMessage(messages);
  std::vector<TokenId> tokens;
  size_t user_turn = 0;  // where the last user message's turn starts, behind its <|im_start|>
  if (!default_system_.empty() && messages[0].role != "system") {
    AppendTurn("system", default_system_, &tokens);
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    if (i == last_user) user_turn = tokens.size() + 1;
    AppendTurn(messages[i].role, messages[i].content, &tokens);
  }
  tokens.insert(tokens.end(), opening_.begin(), opening_.end());

  RenderedChat chat;
  chat.head_length = static_cast<int>(tokens.size());
  if (last_user) {
    // A text that differs from the first character on shows which tokens are the template's alone.
    const bool starts_with_a = absl::StartsWith(messages[*last_user].content, "a");
    const std::vector<TokenId> other = EncodeTurn("user", starts_with_a ? "b" : "a");
    const auto turn = tokens.begin() + static_cast<std::ptrdiff_t>(user_turn);
    const auto common = std::mismatch(turn, tokens.end(), other.begin(), other.end()).first;
    chat.head_length = static_cast<int>(common - tokens.begin());
  }
  chat.tokens = std::move(tokens);
  return chat;
}

}  // namespace steer
