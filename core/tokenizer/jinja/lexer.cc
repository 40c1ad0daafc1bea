#include "core/tokenizer/jinja/lexer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/quoted.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/string_literal.h"
#include "core/tokenizer/jinja/strings.h"

namespace steer::jinja {
namespace {

using Type = Token::Type;

// The longest first.
constexpr absl::string_view kOperators[] = {"//", "**", "==", "!=", "<=", ">=", "+", "-", "*",
                                            "/",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                            "<",  ">",  "=",  ".",  ":",  "|",  ",", ";"};

bool IsWord(char c) { return absl::ascii_isalnum(c) || c == '_'; }

class Lexer {
 public:
  explicit Lexer(absl::string_view source) : source_(source) {}

  absl::StatusOr<std::vector<Token>> Run() {
    while (at_ < source_.size()) {
      const size_t open = FindTag();
      if (open == absl::string_view::npos) {
        AddData(source_.substr(at_));
        Advance(source_.size());
        break;
      }
      const char sign = open + 2 < source_.size() ? source_[open + 2] : ' ';
      AddData(BeforeTag(source_.substr(at_, open - at_), source_[open + 1], sign));
      Advance(open + (sign == '-' || sign == '+' ? 3 : 2));
      if (source_[open + 1] == '#') {
        STEER_RETURN_IF_ERROR(Comment());
      } else if (source_[open + 1] == '%' && AtRaw()) {
        STEER_RETURN_IF_ERROR(Raw());
      } else {
        STEER_RETURN_IF_ERROR(Tag(source_[open + 1]));
      }
      line_starting_ = source_[at_ - 1] == '\n';
    }
    Add(Type::kEnd);
    return std::move(tokens_);
  }

 private:
  // Where the next {{, {% or {# is.
  size_t FindTag() const {
    size_t open = source_.find('{', at_);
    while (open != absl::string_view::npos) {
      if (open + 1 < source_.size() && absl::StrContains("{%#", source_.substr(open + 1, 1))) break;
      open = source_.find('{', open + 1);
    }
    return open;
  }

  Token& Add(Type type, std::string text = "") {
    tokens_.push_back({.type = type, .line = line_, .text = std::move(text)});
    return tokens_.back();
  }
  void AddData(absl::string_view text) {
    if (!text.empty()) Add(Type::kData, std::string(text));
  }

  void Advance(size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                         source_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  // `text` less the white space that the tag behind it takes away.
  absl::string_view BeforeTag(absl::string_view text, char kind, char sign) const {
    if (sign == '-') {
      while (const size_t space = SpaceBefore(text, text.size())) text.remove_suffix(space);
    } else if (sign != '+' && kind != '{') {
      size_t end = text.size();
      size_t space = 0;
      while (end > 0 && text[end - 1] != '\n' && (space = SpaceBefore(text, end)) > 0) end -= space;
      if (end == 0 ? line_starting_ : text[end - 1] == '\n') return text.substr(0, end);
    }
    return text;
  }

  // At the end of a tag: behind it, and behind the white space it takes away.
  void Close(absl::string_view close) {
    const bool trims_all = source_[at_] == '-';
    const bool keeps = source_[at_] == '+';
    size_t end = at_ + (trims_all || keeps ? 1 : 0) + close.size();
    if (trims_all) {
      while (const size_t space = SpaceAt(source_, end)) end += space;
    } else if (!keeps && close != "}}" && end < source_.size() && source_[end] == '\n') {
      ++end;
    }
    Advance(end);
  }

  bool AtClose(absl::string_view close) const {
    const absl::string_view rest = source_.substr(at_);
    if (absl::StartsWith(rest, close)) return true;
    const bool signed_close =
        absl::StartsWith(rest, "-") || (absl::StartsWith(rest, "+") && close != "}}");
    return signed_close && absl::StartsWith(rest.substr(1), close);
  }

  absl::Status Comment() {
    const int line = line_;
    while (at_ < source_.size() && !AtClose("#}")) Advance(at_ + 1);
    if (at_ == source_.size()) return SyntaxError(line, "a comment without its end");
    Close("#}");
    return absl::OkStatus();
  }

  // Whether a tag's `words`, and nothing else, follow; then `end` is where it closes.
  bool TagIs(absl::string_view word, size_t from, size_t* end) const {
    size_t at = from;
    while (const size_t space = SpaceAt(source_, at)) at += space;
    if (!absl::StartsWith(source_.substr(at), word)) return false;
    at += word.size();
    while (const size_t space = SpaceAt(source_, at)) at += space;
    *end = at;
    const absl::string_view rest = source_.substr(at);
    return absl::StartsWith(rest, "%}") || absl::StartsWith(rest, "-%}") ||
           absl::StartsWith(rest, "+%}");
  }
  bool AtRaw() const {
    size_t end = 0;
    return TagIs("raw", at_, &end);
  }

  absl::Status Raw() {
    const int line = line_;
    size_t end = 0;
    TagIs("raw", at_, &end);
    if (source_[end] == '+') return Unsupported(line, "raw +%}");
    // Unlike other tags, it does not take the newline behind it away.
    const bool trims = source_[end] == '-';
    end += trims ? 3 : 2;
    while (trims && SpaceAt(source_, end) > 0) end += SpaceAt(source_, end);
    Advance(end);
    for (size_t open = source_.find("{%", at_); open != absl::string_view::npos;
         open = source_.find("{%", open + 1)) {
      const char sign = open + 2 < source_.size() ? source_[open + 2] : ' ';
      const size_t word = open + (sign == '-' || sign == '+' ? 3 : 2);
      if (!TagIs("endraw", word, &end)) continue;
      AddData(BeforeTag(source_.substr(at_, open - at_), '%', sign));
      Advance(end);
      Close("%}");
      return absl::OkStatus();
    }
    return SyntaxError(line, "a raw block without its end");
  }

  absl::Status Tag(char kind) {
    const int line = line_;
    const absl::string_view close = kind == '{' ? "}}" : "%}";
    Add(kind == '{' ? Type::kOutput : Type::kTag);
    std::string open_brackets;
    while (at_ < source_.size()) {
      if (open_brackets.empty() && AtClose(close)) {
        Add(Type::kClose);
        Close(close);
        return absl::OkStatus();
      }
      if (const size_t space = SpaceAt(source_, at_)) {
        Advance(at_ + space);
        continue;
      }
      STEER_RETURN_IF_ERROR(Expression(open_brackets));
    }
    return SyntaxError(line, absl::StrCat("a tag without '", close, "'"));
  }

  // One token inside of a tag.
  absl::Status Expression(std::string& open_brackets) {
    const char c = source_[at_];
    if (c == '\'' || c == '"') return String(c);
    if (absl::ascii_isdigit(c)) return Number();
    if (IsWord(c)) {
      size_t end = at_;
      while (end < source_.size() && IsWord(source_[end])) ++end;
      Add(Type::kName, std::string(source_.substr(at_, end - at_)));
      Advance(end);
      return absl::OkStatus();
    }
    for (const absl::string_view name : kOperators) {
      if (!absl::StartsWith(source_.substr(at_), name)) continue;
      if (c == '(' || c == '[' || c == '{') {
        open_brackets.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
      } else if (c == ')' || c == ']' || c == '}') {
        if (open_brackets.empty() || open_brackets.back() != c) {
          return SyntaxError(line_, absl::StrCat("unexpected '", name, "'"));
        }
        open_brackets.pop_back();
      }
      Add(Type::kOperator, std::string(name));
      Advance(at_ + name.size());
      return absl::OkStatus();
    }
    return SyntaxError(line_, absl::StrCat("unexpected ", Quoted(source_.substr(at_, 1))));
  }

  absl::Status String(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return SyntaxError(line_, "a string without its end");
    STEER_ASSIGN_OR_RETURN(std::string text,
                           UnescapeLiteral(source_.substr(at_ + 1, end - at_ - 1), line_));
    Add(Type::kString, std::move(text));
    Advance(end + 1);
    return absl::OkStatus();
  }

  size_t Digits(size_t at) const {
    while (at < source_.size() && absl::ascii_isdigit(source_[at])) ++at;
    return at;
  }

  absl::Status Number() {
    size_t end = Digits(at_);
    Type type = Type::kInteger;
    // In `list.0.1` both are items.
    const bool is_item = tokens_.back().type == Type::kOperator && tokens_.back().text == ".";
    if (!is_item && end + 1 < source_.size() && source_[end] == '.' &&
        absl::ascii_isdigit(source_[end + 1])) {
      end = Digits(end + 1);
      type = Type::kFloat;
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      size_t digits = end + 1;
      if (digits < source_.size() && absl::StrContains("+-", source_.substr(digits, 1))) ++digits;
      if (Digits(digits) > digits) {
        end = Digits(digits);
        type = Type::kFloat;
      }
    }
    const absl::string_view number = source_.substr(at_, end - at_);
    const bool other_base = number.size() > 1 && number[0] == '0' && type == Type::kInteger;
    if (other_base || (end < source_.size() && IsWord(source_[end]))) {
      return Unsupported(line_, absl::StrCat("the number ", Quoted(source_.substr(at_, 12))));
    }
    Token& token = Add(type);
    const bool fits = type == Type::kInteger ? absl::SimpleAtoi(number, &token.integer)
                                             : absl::SimpleAtod(number, &token.real);
    if (!fits) return Unsupported(line_, absl::StrCat("the number ", Quoted(number)));
    Advance(end);
    return absl::OkStatus();
  }

  absl::string_view source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

absl::Status SyntaxError(int line, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat("line ", line, ": ", message));
}

absl::Status Unsupported(int line, absl::string_view what) {
  return absl::UnimplementedError(absl::StrCat("line ", line, ": ", what, " is not supported"));
}

absl::StatusOr<std::vector<Token>> Tokenize(absl::string_view source) {
  std::string text = absl::StrReplaceAll(source, {{"\r\n", "\n"}, {"\r", "\n"}});
  if (absl::EndsWith(text, "\n")) text.pop_back();
  return Lexer(text).Run();
}

}  // namespace steer::jinja
