#include "core/tokenizer/jinja/parser.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/expression_parser.h"
#include "core/tokenizer/jinja/signatures.h"
#include "core/tokenizer/jinja/token_stream.h"

namespace steer::jinja {
namespace {

using Kind = Statement::Kind;
using Type = Token::Type;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(&tokens_) {}

  absl::StatusOr<Block> Run() { return ReadBlock({}); }

 private:
  // Up to one of `ends`, whose name is left to be read, or to the end of the template.
  absl::StatusOr<Block> ReadBlock(const std::vector<absl::string_view>& ends) {
    STEER_RETURN_IF_ERROR(expressions_.Enter());
    const absl::Cleanup leave = [this] { expressions_.Leave(); };
    Block block;
    while (tokens_.now().type != Type::kEnd) {
      const Type type = tokens_.now().type;
      if (type == Type::kTag && absl::c_linear_search(ends, tokens_.next().text)) {
        tokens_.Skip();
        return block;
      }
      Statement statement;
      statement.line = tokens_.line();
      STEER_RETURN_IF_ERROR(Read(statement));
      block.push_back(std::move(statement));
    }
    if (ends.empty()) return block;
    return SyntaxError(tokens_.line(), absl::StrCat("a template without '", ends[0], "'"));
  }

  absl::Status Read(Statement& statement) {
    const Token token = tokens_.now();
    tokens_.Skip();
    if (token.type == Type::kData) {
      statement.text = Text(token.text);
      return absl::OkStatus();
    }
    if (token.type == Type::kOutput) {
      statement.kind = Kind::kOutput;
      STEER_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseTuple(true));
      return tokens_.ExpectClose();
    }
    const Token name = tokens_.now();
    if (name.type != Type::kName) return tokens_.Unexpected("the name of a tag");
    tokens_.Skip();
    if (name.text == "if") return If(statement);
    if (name.text == "for") return For(statement);
    if (name.text == "set") return Set(statement);
    if (name.text == "macro") return ReadMacro(statement);
    if (name.text == "generation") return Generation(statement);
    if (name.text == "break" || name.text == "continue") {
      if (loops_ == 0) return SyntaxError(name.line, absl::StrCat(name.text, " outside of a loop"));
      statement.kind = name.text == "break" ? Kind::kBreak : Kind::kContinue;
      return tokens_.ExpectClose();
    }
    return Unsupported(name.line, absl::StrCat("the tag ", Quoted(name.text)));
  }

  absl::Status If(Statement& statement) {
    statement.kind = Kind::kIf;
    bool is_else = false;
    while (true) {
      Branch branch;
      if (!is_else) {
        STEER_ASSIGN_OR_RETURN(branch.condition, expressions_.ParseTuple(false));
      }
      STEER_RETURN_IF_ERROR(tokens_.ExpectClose());
      const std::vector<absl::string_view> ends =
          is_else ? std::vector<absl::string_view>{"endif"}
                  : std::vector<absl::string_view>{"endif", "elif", "else"};
      STEER_ASSIGN_OR_RETURN(branch.body, ReadBlock(ends));
      statement.branches.push_back(std::move(branch));
      if (tokens_.SkipName("endif")) return tokens_.ExpectClose();
      is_else = tokens_.IsName("else");
      tokens_.Skip();
    }
  }

  absl::Status For(Statement& statement) {
    statement.kind = Kind::kFor;
    STEER_RETURN_IF_ERROR(ReadTarget(statement.target));
    if (!tokens_.SkipName("in")) return tokens_.Unexpected("'in'");
    STEER_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseTuple(false));
    if (tokens_.SkipName("if")) {
      STEER_ASSIGN_OR_RETURN(statement.condition, expressions_.Parse());
    }
    if (tokens_.IsName("recursive")) return Unsupported(tokens_.line(), "a recursive loop");
    STEER_RETURN_IF_ERROR(tokens_.ExpectClose());
    ++loops_;
    ++scopes_;
    STEER_ASSIGN_OR_RETURN(statement.body, ReadBlock({"endfor", "else"}));
    --loops_;
    if (tokens_.SkipName("else")) {
      STEER_RETURN_IF_ERROR(tokens_.ExpectClose());
      STEER_ASSIGN_OR_RETURN(statement.otherwise, ReadBlock({"endfor"}));
    }
    --scopes_;
    tokens_.Skip();
    return tokens_.ExpectClose();
  }

  absl::Status ReadName(std::string& name) {
    if (tokens_.now().type != Type::kName) return tokens_.Unexpected("a name");
    name = tokens_.now().text;
    const bool reserved = name == "true" || name == "false" || name == "none" || name == "True" ||
                          name == "False" || name == "None" || name == "loop";
    if (reserved) return Unsupported(tokens_.line(), absl::StrCat("assigning to '", name, "'"));
    tokens_.Skip();
    return absl::OkStatus();
  }

  absl::Status ReadTarget(Target& target) {
    const bool bracket = tokens_.SkipOperator("(");
    while (true) {
      if (tokens_.IsOperator("(")) return Unsupported(tokens_.line(), "a tuple in a tuple to set");
      STEER_RETURN_IF_ERROR(ReadName(target.names.emplace_back()));
      if (!tokens_.SkipOperator(",")) break;
      target.unpacks = true;
      if (tokens_.now().type != Type::kName || tokens_.IsName("in")) break;
    }
    return bracket ? tokens_.Expect(")") : absl::OkStatus();
  }

  absl::Status Set(Statement& statement) {
    STEER_RETURN_IF_ERROR(ReadTarget(statement.target));
    if (tokens_.IsOperator(".") && !statement.target.unpacks) {
      tokens_.Skip();
      if (tokens_.now().type != Type::kName) return tokens_.Unexpected("the name of an attribute");
      statement.target.attribute = tokens_.now().text;
      if (statement.target.attribute[0] == '_') {
        return Unsupported(tokens_.line(), absl::StrCat("the attribute ", tokens_.now().text));
      }
      tokens_.Skip();
    }
    if (tokens_.SkipOperator("=")) {
      statement.kind = Kind::kSet;
      STEER_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseTuple(true));
      return tokens_.ExpectClose();
    }
    statement.kind = Kind::kSetBlock;
    if (statement.target.unpacks) return Unsupported(tokens_.line(), "unpacking a block");
    // The filters are applied to a name that no template can spell.
    auto block = std::make_unique<Expression>();
    block->kind = Expression::Kind::kName;
    block->line = tokens_.line();
    block->name = kBlockName;
    STEER_ASSIGN_OR_RETURN(statement.expression, expressions_.ParseFilters(std::move(block)));
    STEER_RETURN_IF_ERROR(tokens_.ExpectClose());
    const int loops = std::exchange(loops_, 0);
    ++scopes_;
    STEER_ASSIGN_OR_RETURN(statement.body, ReadBlock({"endset"}));
    --scopes_;
    loops_ = loops;
    tokens_.Skip();
    return tokens_.ExpectClose();
  }

  absl::Status ReadMacro(Statement& statement) {
    // One that outlives the names around it would need them kept.
    if (scopes_ > 0) return Unsupported(tokens_.line(), "a macro inside of a loop, block or macro");
    statement.kind = Kind::kMacro;
    auto macro = std::make_unique<Macro>();
    STEER_RETURN_IF_ERROR(ReadName(macro->name));
    STEER_RETURN_IF_ERROR(tokens_.Expect("("));
    while (!tokens_.IsOperator(")")) {
      if (!macro->parameters.empty()) {
        STEER_RETURN_IF_ERROR(tokens_.Expect(","));
      }
      Parameter& parameter = macro->parameters.emplace_back();
      STEER_RETURN_IF_ERROR(ReadName(parameter.name));
      if (tokens_.SkipOperator("=")) {
        STEER_ASSIGN_OR_RETURN(parameter.preset, expressions_.Parse());
      }
    }
    tokens_.Skip();
    STEER_RETURN_IF_ERROR(tokens_.ExpectClose());
    const int loops = std::exchange(loops_, 0);
    ++scopes_;
    STEER_ASSIGN_OR_RETURN(macro->body, ReadBlock({"endmacro"}));
    --scopes_;
    loops_ = loops;
    tokens_.Skip();
    statement.macro = std::move(macro);
    return tokens_.ExpectClose();
  }

  // Marks what the assistant wrote, for training; it writes nothing itself.
  absl::Status Generation(Statement& statement) {
    statement.kind = Kind::kScope;
    STEER_RETURN_IF_ERROR(tokens_.ExpectClose());
    const int loops = std::exchange(loops_, 0);
    ++scopes_;
    STEER_ASSIGN_OR_RETURN(statement.body, ReadBlock({"endgeneration"}));
    --scopes_;
    loops_ = loops;
    tokens_.Skip();
    return tokens_.ExpectClose();
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int loops_ = 0;   // around the place that is read, inside of one macro
  int scopes_ = 0;  // loops, macros and blocks around it
};

}  // namespace

absl::StatusOr<Block> Parse(absl::string_view source) {
  STEER_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  return Parser(std::move(tokens)).Run();
}

}  // namespace steer::jinja
