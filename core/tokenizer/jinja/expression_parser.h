#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tokenizer/jinja/ast.h"
#include "core/tokenizer/jinja/signatures.h"
#include "core/tokenizer/jinja/token_stream.h"

namespace steer::jinja {

// How deep expressions and blocks may nest: whoever walks through them calls itself.
inline constexpr int kDeepestSyntax = 100;

// Reads expressions, with Jinja's precedences.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream* tokens) : tokens_(*tokens) {}

  absl::StatusOr<ExpressionPtr> Parse() { return Condition(); }
  // One expression, or several with commas between them: a tuple. Without `with_condition`, `if` is
  // not part of it.
  absl::StatusOr<ExpressionPtr> ParseTuple(bool with_condition);
  // `subject | filter | filter`: as many as follow, or none.
  absl::StatusOr<ExpressionPtr> ParseFilters(ExpressionPtr subject);

  // One level deeper; to be left, even if it was refused.
  absl::Status Enter();
  void Leave() { --depth_; }

 private:
  using Parsed = absl::StatusOr<ExpressionPtr>;
  using Rule = Parsed (ExpressionParser::*)();
  struct Arguments {
    std::vector<ExpressionPtr> values;  // first those without a name
    std::vector<std::string> keywords;
  };

  Parsed Condition();
  Parsed Or();
  Parsed And();
  Parsed Not();
  Parsed Compare();
  Parsed Sum();
  Parsed Concat();
  Parsed Product();
  Parsed Power();
  Parsed Unary() { return UnaryWith(true); }
  Parsed UnaryWith(bool filters);
  Parsed Primary();
  Parsed Postfix(ExpressionPtr subject);
  Parsed Subscript(ExpressionPtr subject);
  Parsed Slice(ExpressionPtr subject, ExpressionPtr start);
  Parsed Call(ExpressionPtr callee);
  Parsed FilterOrTest(ExpressionPtr subject);
  Parsed Filter(ExpressionPtr subject);
  Parsed Test(ExpressionPtr subject);
  Parsed Parenthesised();
  Parsed List();
  Parsed Dict();

  // Left-associative: rule (operator rule)*.
  Parsed Binary(Rule rule, const std::vector<absl::string_view>& operators);
  absl::StatusOr<Arguments> ParseArguments();
  // Puts `arguments` behind `subject` in the order of the signature's parameters.
  Parsed Bound(Expression::Kind kind, const Token& token, const Signature& signature,
               ExpressionPtr subject, Arguments arguments);
  Parsed Made(Expression expression) const;

  TokenStream& tokens_;
  int depth_ = 0;
};

}  // namespace steer::jinja
