#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tokenizer/chat_template_source.h"
#include "core/tokenizer/jinja/program.h"
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
  // The tokens that depend on the last user message's text, those that it shares with the template
  // included: [user_begin, user_end). Empty without one.
  int user_begin = 0;
  int user_end = 0;
};

// Renders conversations with the model's own template. What messages say never becomes a special
// token, whatever it spells. Immutable and thread-safe.
class ChatTemplate {
 public:
  using TimeSource = std::time_t (*)();

  // UNIMPLEMENTED names a construct of the template that is not known here, INVALID_ARGUMENT what
  // is no Jinja; both its field and line. Also INVALID_ARGUMENT if it cannot render one user
  // message. `tokenizer` must outlive the result; `now` is what templates that write the date are
  // told.
  static absl::StatusOr<std::unique_ptr<const ChatTemplate>> Create(ChatTemplateSource source,
                                                                    const Tokenizer* tokenizer,
                                                                    TimeSource now = SystemTime);

  // The template of a GGUF file; NOT_FOUND if it has none.
  static absl::StatusOr<std::unique_ptr<const ChatTemplate>> FromGguf(const GgufFile& file,
                                                                      const Tokenizer* tokenizer);

  // Ends with the opening of the assistant's turn, as far as the template has one. INVALID_ARGUMENT
  // (field "prompt.chat.messages[i].role") for an unknown role or a system message that is not
  // first, (field "prompt.chat.messages") for none at all and for what the template refuses.
  absl::StatusOr<RenderedChat> Render(const std::vector<ChatMessage>& messages) const;

  // A conversation whose last message is an answer.
  struct Answered {
    std::vector<TokenId>
        tokens;  // up to the answer's end, or with what the template writes after it
    // What the template writes before the answer, which may be more than Render ends with.
    std::vector<TokenId> before;
  };
  // Empty if nothing of the answer is left, e.g. because the template trims it.
  absl::StatusOr<Answered> RenderAnswer(const std::vector<ChatMessage>& messages,
                                        bool with_end_of_turn) const;

  // What follows an assistant's answer; empty if the template renders none.
  const std::vector<TokenId>& end_of_turn() const { return end_of_turn_; }
  // The system message that stands in for one that is not there; empty if there is none.
  const std::string& default_system() const { return default_system_; }

  // The text alone, with the bytes that came from messages; for comparison with the reference.
  absl::StatusOr<jinja::Text> RenderText(const std::vector<ChatMessage>& messages,
                                         bool add_generation_prompt) const;

  static std::time_t SystemTime() { return std::time(nullptr); }

 private:
  ChatTemplate(ChatTemplateSource source, jinja::Program program, const Tokenizer* tokenizer,
               TimeSource now);
  absl::StatusOr<jinja::Text> RenderAt(const std::vector<ChatMessage>& messages,
                                       bool add_generation_prompt, std::time_t now) const;
  std::vector<TokenId> Encode(const jinja::Text& text) const;
  absl::Status Probe();

  const ChatTemplateSource source_;
  const jinja::Program program_;
  const Tokenizer* const tokenizer_;
  const TimeSource now_;
  std::vector<TokenId> end_of_turn_;
  std::string default_system_;
};

}  // namespace steer
