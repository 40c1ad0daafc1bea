#include "core/tokenizer/jinja/interpreter.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/print.h"

namespace steer::jinja {
namespace {

absl::Status WithLine(const absl::Status& status, int line) {
  if (status.message().substr(0, 5) == "line " || status.GetPayload(kRaisedUrl)) return status;
  return absl::Status(status.code(), absl::StrCat("line ", line, ": ", status.message()));
}

}  // namespace

Interpreter::Interpreter(std::map<std::string, Value> variables, std::time_t now)
    : now_(now), top_(nullptr) {
  for (const char* name : {"dict", "lipsum", "cycler", "joiner", "namespace", "raise_exception",
                           "range", "strftime_now"}) {
    top_.names.emplace(name, Value(Function{name}));
  }
  for (auto& [name, value] : variables) top_.names[name] = std::move(value);
}

absl::StatusOr<Text> Interpreter::Run(const Block& block) {
  STEER_ASSIGN_OR_RETURN(const Flow flow, RunBlock(block));
  static_cast<void>(flow);  // the parser lets nothing leave a loop that is not there
  return std::move(output_);
}

absl::Status Interpreter::Write(const Text& text) {
  STEER_RETURN_IF_ERROR(budget_.SpendBytes(text.size()));
  output_.Append(text);
  return output_.size() > Budget::kLongestText ? budget_.SpendBytes(output_.size())
                                               : absl::OkStatus();
}

absl::StatusOr<Interpreter::Flow> Interpreter::RunBlock(const Block& block) {
  for (const Statement& statement : block) {
    absl::StatusOr<Flow> flow = RunStatement(statement);
    if (!flow.ok()) return WithLine(flow.status(), statement.line);
    if (*flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

absl::StatusOr<Interpreter::Flow> Interpreter::RunStatement(const Statement& statement) {
  STEER_RETURN_IF_ERROR(budget_.Spend(1));
  const absl::Cleanup leave = [this] { --depth_; };
  if (++depth_ > kDeepestRun) return TypeError("the template nests too deep");
  using Kind = Statement::Kind;
  switch (statement.kind) {
    case Kind::kText:
      STEER_RETURN_IF_ERROR(Write(statement.text));
      return Flow::kOn;
    case Kind::kOutput: {
      STEER_ASSIGN_OR_RETURN(const Value value, Evaluate(*statement.expression));
      STEER_ASSIGN_OR_RETURN(const Text text, Str(value, budget_));
      STEER_RETURN_IF_ERROR(Write(text));
      return Flow::kOn;
    }
    case Kind::kFor:
      return RunFor(statement);
    case Kind::kIf:
      return RunIf(statement);
    case Kind::kSet: {
      STEER_ASSIGN_OR_RETURN(Value value, Evaluate(*statement.expression));
      STEER_RETURN_IF_ERROR(Assign(statement.target, std::move(value)));
      return Flow::kOn;
    }
    case Kind::kSetBlock:
      STEER_RETURN_IF_ERROR(RunSetBlock(statement));
      return Flow::kOn;
    case Kind::kMacro:
      scope_->names[statement.macro->name] = Value(statement.macro.get());
      return Flow::kOn;
    case Kind::kScope:
      STEER_RETURN_IF_ERROR(RunScope(statement));
      return Flow::kOn;
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kOn;
}

absl::StatusOr<Interpreter::Flow> Interpreter::RunIf(const Statement& statement) {
  for (const Branch& branch : statement.branches) {
    if (branch.condition != nullptr) {
      STEER_ASSIGN_OR_RETURN(const Value condition, Evaluate(*branch.condition));
      if (!condition.Truth()) continue;
    }
    return RunBlock(branch.body);
  }
  return Flow::kOn;
}

absl::StatusOr<Values> Interpreter::LoopItems(const Statement& statement) {
  STEER_ASSIGN_OR_RETURN(const Value iterated, Evaluate(*statement.expression));
  STEER_ASSIGN_OR_RETURN(Values items, Items(iterated, budget_));
  if (statement.condition == nullptr) return items;
  Values kept;
  for (Value& item : items) {
    Scope scope(scope_);
    const absl::Cleanup leave = [this, around = scope_] { scope_ = around; };
    scope_ = &scope;
    STEER_RETURN_IF_ERROR(Assign(statement.target, item));
    STEER_ASSIGN_OR_RETURN(const Value keeps, Evaluate(*statement.condition));
    if (keeps.Truth()) kept.push_back(std::move(item));
  }
  return kept;
}

absl::StatusOr<Interpreter::Flow> Interpreter::RunFor(const Statement& statement) {
  STEER_ASSIGN_OR_RETURN(Values items, LoopItems(statement));
  const absl::Cleanup leave = [this, around = scope_] { scope_ = around; };
  Scope* const around = scope_;
  if (items.empty()) {
    Scope scope(around);
    scope_ = &scope;
    return RunBlock(statement.otherwise);
  }
  STEER_ASSIGN_OR_RETURN(const Value list, MakeSequence(Sequence::Kind::kList, std::move(items)));
  const auto sequence = *list.As<std::shared_ptr<const Sequence>>();
  for (size_t i = 0; i < sequence->items.size(); ++i) {
    STEER_RETURN_IF_ERROR(budget_.Spend(1));
    Scope scope(around);
    scope_ = &scope;
    STEER_RETURN_IF_ERROR(Assign(statement.target, sequence->items[i]));
    scope.names["loop"] = Value(
        std::make_shared<const Loop>(Loop{.items = sequence, .index0 = static_cast<int64_t>(i)}));
    STEER_ASSIGN_OR_RETURN(const Flow flow, RunBlock(statement.body));
    if (flow == Flow::kBreak) break;
  }
  return Flow::kOn;
}

absl::StatusOr<Text> Interpreter::Captured(const Block& block, Scope& scope) {
  const absl::Cleanup leave = [this, around = scope_] { scope_ = around; };
  Text outside = std::exchange(output_, Text());
  scope_ = &scope;
  const absl::StatusOr<Flow> flow = RunBlock(block);
  Text written = std::exchange(output_, std::move(outside));
  if (!flow.ok()) return flow.status();
  return written;
}

absl::Status Interpreter::RunSetBlock(const Statement& statement) {
  Scope inside(scope_);
  STEER_ASSIGN_OR_RETURN(Text written, Captured(statement.body, inside));
  Scope filtered(scope_);
  filtered.names[kBlockName] = Value(std::move(written));
  scope_ = &filtered;
  absl::StatusOr<Value> value = Evaluate(*statement.expression);
  scope_ = filtered.around;
  if (!value.ok()) return value.status();
  return Assign(statement.target, *std::move(value));
}

absl::Status Interpreter::RunScope(const Statement& statement) {
  Scope inside(scope_);
  STEER_ASSIGN_OR_RETURN(const Text written, Captured(statement.body, inside));
  return Write(written);
}

absl::Status Interpreter::Assign(const Target& target, Value value) {
  if (!target.attribute.empty()) {
    const Value* const owner = scope_->Find(target.names[0]);
    Namespace* const space = owner == nullptr ? nullptr : owner->name_space();
    if (space == nullptr) {
      return TypeError(absl::StrCat("'", target.names[0], "' is no namespace"));
    }
    // A namespace inside of itself would never be freed.
    if (value.mutable_inside()) return absl::UnimplementedError("a namespace inside of another");
    space->attributes[target.attribute] = std::move(value);
    return absl::OkStatus();
  }
  if (!target.unpacks) {
    scope_->names[target.names[0]] = std::move(value);
    return absl::OkStatus();
  }
  STEER_ASSIGN_OR_RETURN(Values items, Items(value, budget_));
  if (items.size() != target.names.size()) {
    return TypeError(absl::StrCat(items.size(), " values for ", target.names.size(), " names"));
  }
  for (size_t i = 0; i < items.size(); ++i) scope_->names[target.names[i]] = std::move(items[i]);
  return absl::OkStatus();
}

}  // namespace steer::jinja
