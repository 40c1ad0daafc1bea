#include "core/tokenizer/chat_template.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/strings.h"
#include "core/tokenizer/utf8.h"

namespace steer {
namespace {

using jinja::Text;
using jinja::Value;
using Messages = std::vector<ChatMessage>;
using Tokens = std::vector<TokenId>;

constexpr char kMessages[] = "prompt.chat.messages";

absl::Status CheckMessages(const Messages& messages) {
  if (messages.empty()) return InvalidField("messages", "no message", "at least one");
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string& role = messages[i].role;
    if (role == "user" || role == "assistant" || (role == "system" && i == 0)) continue;
    return InvalidField(absl::StrCat(kMessages, "[", i, "].role"), absl::StrCat("'", role, "'"),
                        i == 0 ? "'system', 'user' or 'assistant'"
                               : "'user' or 'assistant'; 'system' only in the first message");
  }
  return absl::OkStatus();
}

absl::Status ReadError(const ChatTemplateSource& source, const absl::Status& status) {
  return FieldError(status.code(),
                    {"UNKNOWN_CHAT_TEMPLATE", source.field, std::string(status.message()),
                     "a Jinja template of the constructs that chat templates use; raw prompts work "
                     "with any model"});
}

// `status` as what is wrong with the messages: that is how a template sees it.
absl::Status RenderError(const absl::Status& status) {
  constexpr size_t kShown = 300;
  std::string message(status.message());
  if (message.size() > kShown) {
    size_t end = kShown;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0U) == 0x80) --end;
    message.resize(end);
  }
  return FieldError(status.code(), {"CHAT_TEMPLATE_REFUSED", kMessages, message,
                                    "messages that the model's chat template renders"});
}

Value Dictionary(std::vector<std::pair<const char*, Value>> entries) {
  jinja::Dict dict;
  for (auto& [key, value] : entries) {
    dict.entries.emplace_back(Value(Text(std::string(key))), std::move(value));
  }
  return Value(std::make_shared<const jinja::Dict>(std::move(dict)));
}

// Roles are words of ours by now, and templates build their special tokens of them ('<|' + role +
// '|>'); only contents are foreign.
Value MessageList(const Messages& messages) {
  jinja::Sequence list{.depth = 2};
  for (size_t i = 0; i < messages.size(); ++i) {
    Text content(messages[i].content, static_cast<int>(i));
    list.items.push_back(Dictionary(
        {{"role", Value(Text(messages[i].role))}, {"content", Value(std::move(content))}}));
  }
  return Value(std::make_shared<const jinja::Sequence>(std::move(list)));
}

// The bytes that message `index` wrote, from its first to its last.
std::optional<ByteSpan> SpanOf(const Text& text, size_t index) {
  std::optional<ByteSpan> span;
  for (const Text::Origin& origin : text.origins()) {
    if (origin.message != static_cast<int>(index)) continue;
    span = ByteSpan{span ? span->begin : origin.begin, origin.end};
  }
  return span;
}

// A letter with which `content` neither begins nor ends, white space aside.
std::string OtherText(const std::string& content) {
  const std::string stripped =
      jinja::Strip(Text(content), jinja::Side::kBoth, std::nullopt).bytes();
  for (const char* letter : {"a", "b"}) {
    if (!absl::StartsWith(stripped, letter) && !absl::EndsWith(stripped, letter)) return letter;
  }
  return "c";
}

std::optional<size_t> LastUserMessage(const Messages& messages) {
  for (size_t i = messages.size(); i-- > 0;) {
    if (messages[i].role == "user") return i;
  }
  return std::nullopt;
}

int CommonPrefix(const Tokens& a, const Tokens& b) {
  const auto ends = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return static_cast<int>(ends.first - a.begin());
}

int CommonSuffix(const Tokens& a, const Tokens& b) {
  const auto ends = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  return static_cast<int>(ends.first - a.rbegin());
}

}  // namespace

absl::StatusOr<std::unique_ptr<const ChatTemplate>> ChatTemplate::Create(ChatTemplateSource source,
                                                                         const Tokenizer* tokenizer,
                                                                         TimeSource now) {
  if (const auto bad = FirstInvalidUtf8(source.text)) {
    return InvalidField(source.field, absl::StrCat("another byte at offset ", *bad), "UTF-8");
  }
  absl::StatusOr<jinja::Program> program = jinja::Program::Parse(source.text);
  if (!program.ok()) return ReadError(source, program.status());
  std::unique_ptr<ChatTemplate> made(
      new ChatTemplate(std::move(source), *std::move(program), tokenizer, now));
  STEER_RETURN_IF_ERROR(made->Probe());
  return made;
}

absl::StatusOr<std::unique_ptr<const ChatTemplate>> ChatTemplate::FromGguf(
    const GgufFile& file, const Tokenizer* tokenizer) {
  STEER_ASSIGN_OR_RETURN(ChatTemplateSource source,
                         ReadChatTemplate(file, *tokenizer, std::nullopt));
  return Create(std::move(source), tokenizer);
}

ChatTemplate::ChatTemplate(ChatTemplateSource source, jinja::Program program,
                           const Tokenizer* tokenizer, TimeSource now)
    : source_(std::move(source)), program_(std::move(program)), tokenizer_(tokenizer), now_(now) {}

// What a template does is learnt from what it writes, not from how it is written.
absl::Status ChatTemplate::Probe() {
  const std::time_t now = now_();
  const absl::StatusOr<Text> plain = RenderAt({{"user", "a"}}, true, now);
  if (!plain.ok()) return ReadError(source_, plain.status());

  const Messages answered = {{"user", "a"}, {"assistant", "b"}};
  const absl::StatusOr<Text> answer = RenderAt(answered, false, now);
  const std::optional<ByteSpan> span = answer.ok() ? SpanOf(*answer, 1) : std::nullopt;
  if (span) end_of_turn_ = Encode(answer->Part(span->end, answer->size()));

  // The default system message is what stands in the place of one that is given.
  const absl::StatusOr<Text> with = RenderAt({{"system", "s"}, {"user", "a"}}, true, now);
  const std::optional<ByteSpan> system = with.ok() ? SpanOf(*with, 0) : std::nullopt;
  if (!system) return absl::OkStatus();
  const absl::string_view before = absl::string_view(with->bytes()).substr(0, system->begin);
  const absl::string_view after = absl::string_view(with->bytes()).substr(system->end);
  const absl::string_view text = plain->bytes();
  if (text.size() >= before.size() + after.size() && absl::StartsWith(text, before) &&
      absl::EndsWith(text, after)) {
    const size_t length = text.size() - before.size() - after.size();
    default_system_ = std::string(text.substr(before.size(), length));
  }
  return absl::OkStatus();
}

absl::StatusOr<Text> ChatTemplate::RenderAt(const Messages& messages, bool add_generation_prompt,
                                            std::time_t now) const {
  std::map<std::string, Value> variables;
  for (const auto& [name, spelling] : source_.tokens) variables[name] = Value(Text(spelling));
  variables["messages"] = MessageList(messages);
  variables["add_generation_prompt"] = Value(add_generation_prompt);
  // The reference passes these, too: they are defined, and none.
  variables["tools"] = Value(jinja::None{});
  variables["documents"] = Value(jinja::None{});
  return program_.Render(std::move(variables), now);
}

absl::StatusOr<Text> ChatTemplate::RenderText(const Messages& messages,
                                              bool add_generation_prompt) const {
  STEER_RETURN_IF_ERROR(CheckMessages(messages));
  absl::StatusOr<Text> text = RenderAt(messages, add_generation_prompt, now_());
  if (!text.ok()) return RenderError(text.status());
  return text;
}

Tokens ChatTemplate::Encode(const Text& text) const {
  std::vector<ByteSpan> foreign;
  for (const Text::Origin& origin : text.origins()) {
    if (!foreign.empty() && foreign.back().end == origin.begin) {
      foreign.back().end = origin.end;
    } else {
      foreign.push_back({origin.begin, origin.end});
    }
  }
  return tokenizer_->EncodeRendered(text.bytes(), foreign);
}

absl::StatusOr<RenderedChat> ChatTemplate::Render(const Messages& messages) const {
  STEER_RETURN_IF_ERROR(CheckMessages(messages));
  const std::time_t now = now_();  // one for both renderings
  const absl::StatusOr<Text> text = RenderAt(messages, true, now);
  if (!text.ok()) return RenderError(text.status());
  RenderedChat chat;
  chat.tokens = Encode(*text);
  const int length = static_cast<int>(chat.tokens.size());
  chat.head_length = chat.user_begin = chat.user_end = length;
  const std::optional<size_t> last_user = LastUserMessage(messages);
  if (!last_user) return chat;

  // A text that differs from its first to its last character shows which tokens are not its own.
  Messages others = messages;
  others[*last_user].content = OtherText(messages[*last_user].content);
  const absl::StatusOr<Text> other_text = RenderAt(others, true, now);
  if (!other_text.ok()) return RenderError(other_text.status());
  const Tokens other = Encode(*other_text);
  chat.head_length = chat.user_begin = CommonPrefix(chat.tokens, other);
  chat.user_end = std::max(chat.user_begin, length - CommonSuffix(chat.tokens, other));
  return chat;
}

absl::StatusOr<ChatTemplate::Answered> ChatTemplate::RenderAnswer(const Messages& messages,
                                                                  bool with_end_of_turn) const {
  STEER_ASSIGN_OR_RETURN(const Text text, RenderText(messages, /*add_generation_prompt=*/false));
  const std::optional<ByteSpan> span = SpanOf(text, messages.size() - 1);
  if (!span) return Answered();
  return Answered{
      .tokens = Encode(with_end_of_turn ? text : text.Part(0, span->end)),
      .before = Encode(text.Part(0, span->begin)),
  };
}

}  // namespace steer
