#include "core/tokenizer/jinja/expression_parser.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace steer::jinja {
namespace {

using Kind = Expression::Kind;
using Type = Token::Type;

Expression Node(Kind kind, int line, std::string name = "") {
  Expression node;
  node.kind = kind;
  node.line = line;
  node.name = std::move(name);
  return node;
}

Expression Node(Kind kind, int line, ExpressionPtr child) {
  Expression node = Node(kind, line);
  node.children.push_back(std::move(child));
  return node;
}

constexpr absl::string_view kComparisons[] = {"==", "!=", "<", "<=", ">", ">="};

}  // namespace

absl::Status ExpressionParser::Enter() {
  if (++depth_ <= kDeepestSyntax) return absl::OkStatus();
  return Unsupported(tokens_.line(), absl::StrCat("nesting deeper than ", kDeepestSyntax));
}

ExpressionParser::Parsed ExpressionParser::Made(Expression expression) const {
  for (const ExpressionPtr& child : expression.children) {
    if (child != nullptr) expression.depth = std::max(expression.depth, 1 + child->depth);
  }
  if (expression.depth > kDeepestSyntax) {
    return Unsupported(expression.line, absl::StrCat("an expression of more than ", kDeepestSyntax,
                                                     " parts in a chain"));
  }
  return std::make_unique<Expression>(std::move(expression));
}

ExpressionParser::Parsed ExpressionParser::ParseTuple(bool with_condition) {
  const int line = tokens_.line();
  std::vector<ExpressionPtr> children;
  bool is_tuple = false;
  while (true) {
    const Type type = tokens_.now().type;
    if (!children.empty() && (type == Type::kClose || tokens_.IsOperator(")"))) break;
    STEER_ASSIGN_OR_RETURN(ExpressionPtr child, with_condition ? Condition() : Or());
    children.push_back(std::move(child));
    if (!tokens_.SkipOperator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) return std::move(children[0]);
  Expression tuple = Node(Kind::kTuple, line);
  tuple.children = std::move(children);
  return Made(std::move(tuple));
}

ExpressionParser::Parsed ExpressionParser::Condition() {
  STEER_RETURN_IF_ERROR(Enter());
  const absl::Cleanup leave = [this] { Leave(); };
  STEER_ASSIGN_OR_RETURN(ExpressionPtr value, Or());
  while (tokens_.IsName("if")) {
    Expression node = Node(Kind::kCondition, tokens_.line(), std::move(value));
    tokens_.Skip();
    STEER_ASSIGN_OR_RETURN(ExpressionPtr condition, Or());
    node.children.push_back(std::move(condition));
    ExpressionPtr otherwise;
    if (tokens_.SkipName("else")) {
      STEER_ASSIGN_OR_RETURN(otherwise, Condition());
    }
    node.children.push_back(std::move(otherwise));
    STEER_ASSIGN_OR_RETURN(value, Made(std::move(node)));
  }
  return value;
}

ExpressionParser::Parsed ExpressionParser::Or() {
  STEER_ASSIGN_OR_RETURN(ExpressionPtr left, And());
  while (tokens_.IsName("or")) {
    Expression node = Node(Kind::kOr, tokens_.line(), std::move(left));
    tokens_.Skip();
    STEER_ASSIGN_OR_RETURN(ExpressionPtr right, And());
    node.children.push_back(std::move(right));
    STEER_ASSIGN_OR_RETURN(left, Made(std::move(node)));
  }
  return left;
}

ExpressionParser::Parsed ExpressionParser::And() {
  STEER_ASSIGN_OR_RETURN(ExpressionPtr left, Not());
  while (tokens_.IsName("and")) {
    Expression node = Node(Kind::kAnd, tokens_.line(), std::move(left));
    tokens_.Skip();
    STEER_ASSIGN_OR_RETURN(ExpressionPtr right, Not());
    node.children.push_back(std::move(right));
    STEER_ASSIGN_OR_RETURN(left, Made(std::move(node)));
  }
  return left;
}

ExpressionParser::Parsed ExpressionParser::Not() {
  if (!tokens_.IsName("not")) return Compare();
  STEER_RETURN_IF_ERROR(Enter());
  const absl::Cleanup leave = [this] { Leave(); };
  const int line = tokens_.line();
  tokens_.Skip();
  STEER_ASSIGN_OR_RETURN(ExpressionPtr value, Not());
  return Made(Node(Kind::kNot, line, std::move(value)));
}

ExpressionParser::Parsed ExpressionParser::Compare() {
  const int line = tokens_.line();
  STEER_ASSIGN_OR_RETURN(ExpressionPtr left, Sum());
  Expression node = Node(Kind::kCompare, line, std::move(left));
  while (true) {
    const Token& now = tokens_.now();
    std::string name;
    if (now.type == Type::kOperator && absl::c_linear_search(kComparisons, now.text)) {
      name = now.text;
    } else if (tokens_.IsName("in")) {
      name = "in";
    } else if (tokens_.IsName("not") && tokens_.next().type == Type::kName &&
               tokens_.next().text == "in") {
      name = "not in";
      tokens_.Skip();
    } else {
      break;
    }
    tokens_.Skip();
    STEER_ASSIGN_OR_RETURN(ExpressionPtr right, Sum());
    node.operators.push_back(std::move(name));
    node.children.push_back(std::move(right));
  }
  if (node.operators.empty()) return std::move(node.children[0]);
  return Made(std::move(node));
}

ExpressionParser::Parsed ExpressionParser::Binary(Rule rule,
                                                  const std::vector<absl::string_view>& operators) {
  STEER_ASSIGN_OR_RETURN(ExpressionPtr left, (this->*rule)());
  while (tokens_.now().type == Type::kOperator &&
         absl::c_linear_search(operators, tokens_.now().text)) {
    Expression node = Node(Kind::kArithmetic, tokens_.line(), tokens_.now().text);
    tokens_.Skip();
    STEER_ASSIGN_OR_RETURN(ExpressionPtr right, (this->*rule)());
    node.children.push_back(std::move(left));
    node.children.push_back(std::move(right));
    STEER_ASSIGN_OR_RETURN(left, Made(std::move(node)));
  }
  return left;
}

ExpressionParser::Parsed ExpressionParser::Sum() {
  return Binary(&ExpressionParser::Concat, {"+", "-"});
}
ExpressionParser::Parsed ExpressionParser::Product() {
  return Binary(&ExpressionParser::Power, {"*", "/", "//", "%"});
}
ExpressionParser::Parsed ExpressionParser::Power() {
  return Binary(&ExpressionParser::Unary, {"**"});
}

ExpressionParser::Parsed ExpressionParser::Concat() {
  const int line = tokens_.line();
  STEER_ASSIGN_OR_RETURN(ExpressionPtr first, Product());
  if (!tokens_.IsOperator("~")) return first;
  Expression node = Node(Kind::kConcat, line, std::move(first));
  while (tokens_.SkipOperator("~")) {
    STEER_ASSIGN_OR_RETURN(ExpressionPtr next, Product());
    node.children.push_back(std::move(next));
  }
  return Made(std::move(node));
}

ExpressionParser::Parsed ExpressionParser::UnaryWith(bool filters) {
  STEER_RETURN_IF_ERROR(Enter());
  const absl::Cleanup leave = [this] { Leave(); };
  const int line = tokens_.line();
  ExpressionPtr value;
  if (tokens_.IsOperator("-") || tokens_.IsOperator("+")) {
    const Kind kind = tokens_.IsOperator("-") ? Kind::kNegative : Kind::kPositive;
    tokens_.Skip();
    STEER_ASSIGN_OR_RETURN(value, UnaryWith(false));
    STEER_ASSIGN_OR_RETURN(value, Made(Node(kind, line, std::move(value))));
  } else {
    STEER_ASSIGN_OR_RETURN(value, Primary());
  }
  STEER_ASSIGN_OR_RETURN(value, Postfix(std::move(value)));
  return filters ? FilterOrTest(std::move(value)) : std::move(value);
}

ExpressionParser::Parsed ExpressionParser::Primary() {
  const Token token = tokens_.now();
  Expression node = Node(Kind::kConstant, token.line);
  switch (token.type) {
    case Type::kName:
      tokens_.Skip();
      if (token.text == "true" || token.text == "True") {
        node.value = Value(true);
      } else if (token.text == "false" || token.text == "False") {
        node.value = Value(false);
      } else if (token.text == "none" || token.text == "None") {
        node.value = Value(None{});
      } else {
        node.kind = Kind::kName;
        node.name = token.text;
      }
      return Made(std::move(node));
    case Type::kString: {
      std::string text;
      for (; tokens_.now().type == Type::kString; tokens_.Skip()) text += tokens_.now().text;
      node.value = Value(Text(std::move(text)));
      return Made(std::move(node));
    }
    case Type::kInteger:
    case Type::kFloat:
      tokens_.Skip();
      node.value = token.type == Type::kInteger ? Value(token.integer) : Value(token.real);
      return Made(std::move(node));
    default:
      if (tokens_.IsOperator("(")) return Parenthesised();
      if (tokens_.IsOperator("[")) return List();
      if (tokens_.IsOperator("{")) return Dict();
      return tokens_.Unexpected("a value");
  }
}

ExpressionParser::Parsed ExpressionParser::Parenthesised() {
  const int line = tokens_.line();
  tokens_.Skip();
  if (tokens_.SkipOperator(")")) return Made(Node(Kind::kTuple, line));
  STEER_ASSIGN_OR_RETURN(ExpressionPtr inside, ParseTuple(/*with_condition=*/true));
  STEER_RETURN_IF_ERROR(tokens_.Expect(")"));
  return inside;
}

ExpressionParser::Parsed ExpressionParser::List() {
  Expression node = Node(Kind::kList, tokens_.line());
  tokens_.Skip();
  while (!tokens_.IsOperator("]")) {
    if (!node.children.empty()) {
      STEER_RETURN_IF_ERROR(tokens_.Expect(","));
      if (tokens_.IsOperator("]")) break;
    }
    STEER_ASSIGN_OR_RETURN(ExpressionPtr item, Condition());
    node.children.push_back(std::move(item));
  }
  STEER_RETURN_IF_ERROR(tokens_.Expect("]"));
  return Made(std::move(node));
}

ExpressionParser::Parsed ExpressionParser::Dict() {
  Expression node = Node(Kind::kDict, tokens_.line());
  tokens_.Skip();
  while (!tokens_.IsOperator("}")) {
    if (!node.children.empty()) {
      STEER_RETURN_IF_ERROR(tokens_.Expect(","));
      if (tokens_.IsOperator("}")) break;
    }
    STEER_ASSIGN_OR_RETURN(ExpressionPtr key, Condition());
    STEER_RETURN_IF_ERROR(tokens_.Expect(":"));
    STEER_ASSIGN_OR_RETURN(ExpressionPtr value, Condition());
    node.children.push_back(std::move(key));
    node.children.push_back(std::move(value));
  }
  STEER_RETURN_IF_ERROR(tokens_.Expect("}"));
  return Made(std::move(node));
}

}  // namespace steer::jinja
