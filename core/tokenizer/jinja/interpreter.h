#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tokenizer/jinja/ast.h"
#include "core/tokenizer/jinja/budget.h"
#include "core/tokenizer/jinja/builtins.h"

namespace steer::jinja {

// Marks the status of what a template refused with raise_exception.
inline constexpr char kRaisedUrl[] = "steer/jinja-raised";
// Statements, expressions and macros inside of each other: the stack is finite.
inline constexpr int kDeepestRun = 300;

// Names and what they stand for, inside those of the scope around.
struct Scope {
  explicit Scope(Scope* around) : around(around) {}
  Scope* around;
  std::map<std::string, Value> names;

  const Value* Find(const std::string& name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->around) {
      const auto found = scope->names.find(name);
      if (found != scope->names.end()) return &found->second;
    }
    return nullptr;
  }
};

// Runs one template once. Errors are INVALID_ARGUMENT, or UNIMPLEMENTED for what could only be seen
// now, with the line; what raise_exception says stands alone.
class Interpreter {
 public:
  // `now` is the time that strftime_now tells.
  Interpreter(std::map<std::string, Value> variables, std::time_t now);

  absl::StatusOr<Text> Run(const Block& block);

 private:
  using Result = absl::StatusOr<Value>;
  enum class Flow { kOn, kBreak, kContinue };

  // Statements.
  absl::StatusOr<Flow> RunBlock(const Block& block);
  absl::StatusOr<Flow> RunStatement(const Statement& statement);
  absl::StatusOr<Flow> RunFor(const Statement& statement);
  absl::StatusOr<Flow> RunIf(const Statement& statement);
  absl::Status RunSetBlock(const Statement& statement);
  absl::Status RunScope(const Statement& statement);
  absl::StatusOr<Values> LoopItems(const Statement& statement);
  absl::Status Assign(const Target& target, Value value);
  absl::Status Write(const Text& text);
  // What `block` writes, with the names of `scope`.
  absl::StatusOr<Text> Captured(const Block& block, Scope& scope);

  // Expressions.
  Result Evaluate(const Expression& expression);
  Result EvaluateKind(const Expression& expression);
  Result EvaluateAll(const Expression& expression);  // a list, tuple or dict
  Result EvaluateName(const std::string& name) const;
  Result EvaluateLogic(const Expression& expression);
  Result EvaluateCompare(const Expression& expression);
  Result EvaluateConcat(const Expression& expression);
  Result EvaluateSlice(const Expression& expression);
  Result EvaluateCall(const Expression& expression);
  Result CallMacro(const Macro& macro, const Expression& call, const Arguments& arguments);
  Result CallFunction(const std::string& name, const Expression& call, const Arguments& arguments);
  // All children but the first.
  absl::StatusOr<Arguments> EvaluateArguments(const Expression& expression);

  Budget budget_;
  std::time_t now_;
  Scope top_;
  Scope* scope_ = &top_;
  Text output_;
  int depth_ = 0;
};

}  // namespace steer::jinja
