#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/tokenizer/jinja/value.h"

// A parsed template. Immutable once made.
namespace steer::jinja {

// The name under which a block that is being set is there for its filters; no template can spell
// it.
inline constexpr char kBlockName[] = "{block}";

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;  // null: left out

struct Expression {
  enum class Kind {
    kConstant,   // value
    kName,       // name
    kList,       // children
    kTuple,      // children
    kDict,       // children: key, value, key, value, ...
    kAttribute,  // child . name
    kItem,       // child [ child ]
    kSlice,      // child [ child : child : child ], the last three may be left out
    kCall,       // child ( arguments ), the last of them named by `keywords`
    kMethod,     // child . name ( arguments by parameter, then what is more )
    kFilter,     // child | name ( the same )
    kTest,       // child is name ( the same )
    kNot,
    kNegative,
    kPositive,
    kAnd,
    kOr,
    kCompare,     // child, then one child for each of `operators`
    kArithmetic,  // child name child
    kConcat,      // children joined as text
    kCondition,   // child if child else child, the last may be left out
  };
  Kind kind = Kind::kConstant;
  int line = 1;
  int depth = 1;  // 1 + that of the deepest child
  std::string name;
  Value value;
  std::vector<ExpressionPtr> children;
  std::vector<std::string> keywords;
  std::vector<std::string> operators;
};

struct Statement;
using Block = std::vector<Statement>;

// What an assignment or a loop sets: names, or one attribute of a namespace.
struct Target {
  std::vector<std::string> names;
  bool unpacks = false;  // even if it has one name only
  std::string attribute;
};

struct Parameter {
  std::string name;
  ExpressionPtr preset;
};

struct Macro {
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
};

struct Branch {
  ExpressionPtr condition;  // null: always
  Block body;
};

struct Statement {
  enum class Kind {
    kText,
    kOutput,    // expression
    kFor,       // for target in expression if condition: body; otherwise
    kIf,        // branches
    kSet,       // target = expression
    kSetBlock,  // target = what body writes, through the filters of expression
    kMacro,
    kScope,  // body with names of its own
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kText;
  int line = 1;
  Text text;
  ExpressionPtr expression;
  ExpressionPtr condition;
  Target target;
  Block body;
  Block otherwise;
  std::vector<Branch> branches;
  std::unique_ptr<const Macro> macro;
};

}  // namespace steer::jinja
