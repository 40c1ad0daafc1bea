#pragma once

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/jinja/lexer.h"

namespace steer::jinja {

// Where the parser is.
class TokenStream {
 public:
  // The last token is kEnd.
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  int line() const { return now().line; }
  void Skip() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }

  bool IsOperator(absl::string_view text) const {
    return now().type == Token::Type::kOperator && now().text == text;
  }
  bool IsName(absl::string_view text) const {
    return now().type == Token::Type::kName && now().text == text;
  }
  bool SkipOperator(absl::string_view text) {
    const bool is = IsOperator(text);
    if (is) Skip();
    return is;
  }
  bool SkipName(absl::string_view text) {
    const bool is = IsName(text);
    if (is) Skip();
    return is;
  }
  absl::Status Expect(absl::string_view text) {
    return SkipOperator(text) ? absl::OkStatus() : Unexpected(absl::StrCat("'", text, "'"));
  }
  absl::Status ExpectClose() {
    if (now().type != Token::Type::kClose) return Unexpected("the end of the tag");
    Skip();
    return absl::OkStatus();
  }
  absl::Status Unexpected(absl::string_view wanted) const {
    const bool has_text = !now().text.empty();
    return SyntaxError(line(),
                       absl::StrCat("expected ", wanted, ", got ",
                                    has_text ? absl::StrCat("'", now().text.substr(0, 40), "'")
                                             : std::string("the end")));
  }

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace steer::jinja
