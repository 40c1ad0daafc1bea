// What stands behind a value: attributes, items, slices, calls, filters and tests.

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/expression_parser.h"

namespace steer::jinja {
namespace {

using Kind = Expression::Kind;
using Type = Token::Type;

Expression Node(Kind kind, int line, ExpressionPtr child) {
  Expression node;
  node.kind = kind;
  node.line = line;
  node.children.push_back(std::move(child));
  return node;
}

// A filter whose first argument names a test or a filter.
absl::Status CheckNamedArgument(const Expression& node) {
  const bool is_map = node.name == "map";
  const size_t at = node.name == "selectattr" || node.name == "rejectattr" ? 2
                    : node.name == "select" || node.name == "reject"       ? 1
                    : is_map                                               ? 3
                                                                           : 0;
  if (at == 0 || node.kind != Kind::kFilter || node.children.size() <= at) return absl::OkStatus();
  const Expression& argument = *node.children[at];
  const Text* const name = argument.kind == Kind::kConstant ? argument.value.text() : nullptr;
  if (name == nullptr) return Unsupported(node.line, "a test or filter whose name is computed");
  if (is_map ? FindFilter(name->bytes()) != nullptr && node.children.size() == at + 1
             : FindTest(name->bytes()) != nullptr) {
    return absl::OkStatus();
  }
  return Unsupported(node.line, absl::StrCat(node.name, " with ", Quoted(name->bytes())));
}

}  // namespace

ExpressionParser::Parsed ExpressionParser::Postfix(ExpressionPtr subject) {
  while (true) {
    if (tokens_.IsOperator(".") || tokens_.IsOperator("[")) {
      STEER_ASSIGN_OR_RETURN(subject, Subscript(std::move(subject)));
    } else if (tokens_.IsOperator("(")) {
      STEER_ASSIGN_OR_RETURN(subject, Call(std::move(subject)));
    } else {
      return subject;
    }
  }
}

ExpressionParser::Parsed ExpressionParser::Subscript(ExpressionPtr subject) {
  const int line = tokens_.line();
  if (tokens_.SkipOperator(".")) {
    const Token token = tokens_.now();
    tokens_.Skip();
    if (token.type == Type::kName) {
      if (token.text[0] == '_')
        return Unsupported(line, absl::StrCat("the attribute ", token.text));
      Expression node = Node(Kind::kAttribute, line, std::move(subject));
      node.name = token.text;
      return Made(std::move(node));
    }
    if (token.type != Type::kInteger)
      return SyntaxError(line, "expected a name or number after '.'");
    Expression node = Node(Kind::kItem, line, std::move(subject));
    Expression index;
    index.value = Value(token.integer);
    node.children.push_back(std::make_unique<Expression>(std::move(index)));
    return Made(std::move(node));
  }
  tokens_.Skip();
  ExpressionPtr key;
  if (!tokens_.IsOperator(":")) {
    STEER_ASSIGN_OR_RETURN(key, Condition());
  }
  if (tokens_.IsOperator(":")) return Slice(std::move(subject), std::move(key));
  if (tokens_.IsOperator(",")) return Unsupported(line, "an item of several keys");
  STEER_RETURN_IF_ERROR(tokens_.Expect("]"));
  Expression node = Node(Kind::kItem, line, std::move(subject));
  node.children.push_back(std::move(key));
  return Made(std::move(node));
}

ExpressionParser::Parsed ExpressionParser::Slice(ExpressionPtr subject, ExpressionPtr start) {
  Expression node = Node(Kind::kSlice, tokens_.line(), std::move(subject));
  node.children.push_back(std::move(start));
  for (int part = 0; part < 2; ++part) {
    ExpressionPtr bound;
    if (tokens_.SkipOperator(":") && !tokens_.IsOperator(":") && !tokens_.IsOperator("]")) {
      STEER_ASSIGN_OR_RETURN(bound, Condition());
    }
    node.children.push_back(std::move(bound));
  }
  STEER_RETURN_IF_ERROR(tokens_.Expect("]"));
  return Made(std::move(node));
}

absl::StatusOr<ExpressionParser::Arguments> ExpressionParser::ParseArguments() {
  Arguments arguments;
  STEER_RETURN_IF_ERROR(tokens_.Expect("("));
  while (!tokens_.IsOperator(")")) {
    if (!arguments.values.empty()) {
      STEER_RETURN_IF_ERROR(tokens_.Expect(","));
      if (tokens_.IsOperator(")")) break;
    }
    if (tokens_.IsOperator("*") || tokens_.IsOperator("**")) {
      return Unsupported(tokens_.line(), "unpacking arguments");
    }
    const bool named = tokens_.now().type == Type::kName &&
                       tokens_.next().type == Type::kOperator && tokens_.next().text == "=";
    if (named) {
      if (absl::c_linear_search(arguments.keywords, tokens_.now().text)) {
        return SyntaxError(tokens_.line(), absl::StrCat("'", tokens_.now().text, "' twice"));
      }
      arguments.keywords.push_back(tokens_.now().text);
      tokens_.Skip();
      tokens_.Skip();
    } else if (!arguments.keywords.empty()) {
      return SyntaxError(tokens_.line(), "an argument without a name after one with a name");
    }
    STEER_ASSIGN_OR_RETURN(ExpressionPtr value, Condition());
    arguments.values.push_back(std::move(value));
  }
  STEER_RETURN_IF_ERROR(tokens_.Expect(")"));
  return arguments;
}

ExpressionParser::Parsed ExpressionParser::Bound(Kind kind, const Token& token,
                                                 const Signature& signature, ExpressionPtr subject,
                                                 Arguments arguments) {
  Expression node = Node(kind, token.line, std::move(subject));
  node.name = token.text;
  node.children.resize(1 + signature.parameters.size());
  const size_t unnamed = arguments.values.size() - arguments.keywords.size();
  const size_t in_order = signature.by_keyword_only ? 0 : signature.parameters.size();
  for (size_t i = 0; i < arguments.values.size(); ++i) {
    size_t place = i;
    if (i >= unnamed) {
      const auto found = absl::c_find(signature.parameters, arguments.keywords[i - unnamed]);
      if (found == signature.parameters.end()) {
        return Unsupported(
            token.line,
            absl::StrCat("the argument '", arguments.keywords[i - unnamed], "' of ", token.text));
      }
      place = static_cast<size_t>(found - signature.parameters.begin());
      if (node.children[1 + place] != nullptr) return SyntaxError(token.line, "an argument twice");
    } else if (i >= in_order) {
      if (!signature.takes_more) {
        return Unsupported(token.line,
                           absl::StrCat(arguments.values.size(), " arguments of ", token.text));
      }
      node.children.push_back(std::move(arguments.values[i]));
      continue;
    }
    node.children[1 + place] = std::move(arguments.values[i]);
  }
  for (size_t i = 0; i < signature.required; ++i) {
    if (node.children[1 + i] != nullptr) continue;
    return SyntaxError(token.line,
                       absl::StrCat(token.text, " without its ", signature.parameters[i]));
  }
  STEER_RETURN_IF_ERROR(CheckNamedArgument(node));
  return Made(std::move(node));
}

ExpressionParser::Parsed ExpressionParser::Call(ExpressionPtr callee) {
  Token token = tokens_.now();
  STEER_ASSIGN_OR_RETURN(Arguments arguments, ParseArguments());
  if (callee->kind == Kind::kAttribute) {
    const Signature* const method = FindMethod(callee->name);
    if (method == nullptr) {
      return Unsupported(callee->line, absl::StrCat("the method ", Quoted(callee->name)));
    }
    token.text = callee->name;
    if (ChangesItsObject(callee->name)) arguments = Arguments();
    // The callee gives way to the call: its only child moves over.
    ExpressionPtr subject = std::move(callee->children[0]);
    return Bound(Kind::kMethod, token, *method, std::move(subject), std::move(arguments));
  }
  if (callee->kind != Kind::kName) return Unsupported(token.line, "calling what is no name");
  for (const char* name : {"lipsum", "cycler", "joiner", "caller", "super"}) {
    if (callee->name == name) return Unsupported(token.line, absl::StrCat("calling ", name));
  }
  Expression node = Node(Kind::kCall, token.line, std::move(callee));
  for (ExpressionPtr& value : arguments.values) node.children.push_back(std::move(value));
  node.keywords = std::move(arguments.keywords);
  return Made(std::move(node));
}

ExpressionParser::Parsed ExpressionParser::FilterOrTest(ExpressionPtr subject) {
  while (true) {
    if (tokens_.IsOperator("|")) {
      STEER_ASSIGN_OR_RETURN(subject, Filter(std::move(subject)));
    } else if (tokens_.IsName("is")) {
      STEER_ASSIGN_OR_RETURN(subject, Test(std::move(subject)));
    } else if (tokens_.IsOperator("(")) {
      STEER_ASSIGN_OR_RETURN(subject, Call(std::move(subject)));
    } else {
      return subject;
    }
  }
}

ExpressionParser::Parsed ExpressionParser::Filter(ExpressionPtr subject) {
  STEER_RETURN_IF_ERROR(tokens_.Expect("|"));
  const Token token = tokens_.now();
  if (token.type != Type::kName) return tokens_.Unexpected("the name of a filter");
  tokens_.Skip();
  const Signature* const filter = FindFilter(token.text);
  if (filter == nullptr || tokens_.IsOperator(".")) {
    return Unsupported(token.line, absl::StrCat("the filter ", Quoted(token.text)));
  }
  Arguments arguments;
  if (tokens_.IsOperator("(")) {
    STEER_ASSIGN_OR_RETURN(arguments, ParseArguments());
  }
  return Bound(Kind::kFilter, token, *filter, std::move(subject), std::move(arguments));
}

ExpressionParser::Parsed ExpressionParser::ParseFilters(ExpressionPtr subject) {
  while (tokens_.IsOperator("|")) {
    STEER_ASSIGN_OR_RETURN(subject, Filter(std::move(subject)));
  }
  return subject;
}

ExpressionParser::Parsed ExpressionParser::Test(ExpressionPtr subject) {
  tokens_.Skip();
  const bool negated = tokens_.SkipName("not");
  const Token token = tokens_.now();
  if (token.type != Type::kName) return tokens_.Unexpected("the name of a test");
  tokens_.Skip();
  const Signature* const test = FindTest(token.text);
  if (test == nullptr || tokens_.IsOperator(".")) {
    return Unsupported(token.line, absl::StrCat("the test ", Quoted(token.text)));
  }
  Arguments arguments;
  const Type type = tokens_.now().type;
  if (tokens_.IsOperator("(")) {
    STEER_ASSIGN_OR_RETURN(arguments, ParseArguments());
  } else if (((type == Type::kName && !tokens_.IsName("else") && !tokens_.IsName("or") &&
               !tokens_.IsName("and")) ||
              type == Type::kString || type == Type::kInteger || type == Type::kFloat ||
              tokens_.IsOperator("[") || tokens_.IsOperator("{"))) {
    if (tokens_.IsName("is")) return SyntaxError(token.line, "a test of a test");
    STEER_ASSIGN_OR_RETURN(ExpressionPtr argument, Primary());
    STEER_ASSIGN_OR_RETURN(argument, Postfix(std::move(argument)));
    arguments.values.push_back(std::move(argument));
  }
  STEER_ASSIGN_OR_RETURN(ExpressionPtr node, Bound(Kind::kTest, token, *test, std::move(subject),
                                                   std::move(arguments)));
  return negated ? Made(Node(Kind::kNot, token.line, std::move(node))) : std::move(node);
}

}  // namespace steer::jinja
