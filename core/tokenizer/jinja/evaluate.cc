// The interpreter's half that computes expressions.

#include <algorithm>
#include <array>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/interpreter.h"
#include "core/tokenizer/jinja/operations.h"
#include "core/tokenizer/jinja/print.h"

namespace steer::jinja {
namespace {

using Kind = Expression::Kind;

absl::StatusOr<bool> Holds(const std::string& name, const Value& left, const Value& right,
                           Budget& budget) {
  if (name == "in") return Contains(right, left, budget);
  if (name == "not in") {
    STEER_ASSIGN_OR_RETURN(const bool contains, Contains(right, left, budget));
    return !contains;
  }
  Arguments arguments(1);
  arguments[0] = right;
  return ApplyTest(name, left, arguments, budget);
}

absl::StatusOr<Value> Range(const Arguments& arguments, Budget& budget) {
  std::array<int64_t, 3> bounds = {0, 0, 1};
  if (arguments.empty() || arguments.size() > 3) return TypeError("range takes 1 to 3 numbers");
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!arguments[i]->integer()) return TypeError("range of what is no int");
    bounds[arguments.size() == 1 ? 1 : i] = *arguments[i]->integer();
  }
  const auto [start, stop, step] = bounds;
  if (step == 0) return TypeError("range with step 0");
  constexpr int64_t kLongestRange = 100'000;  // as the reference's sandbox has it
  const double count =
      (static_cast<double>(stop) - static_cast<double>(start)) / static_cast<double>(step);
  if (count > kLongestRange) return TypeError("a range of more than 100000");
  STEER_RETURN_IF_ERROR(budget.Spend(std::max<int64_t>(0, static_cast<int64_t>(count))));
  Values items;
  for (int64_t i = 0; static_cast<double>(i) < count; ++i) items.emplace_back(start + i * step);
  return MakeSequence(Sequence::Kind::kRange, std::move(items));
}

absl::StatusOr<Value> TimeText(const Value& format, std::time_t now) {
  if (format.text() == nullptr) return TypeError("strftime_now of what is no str");
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 1024> buffer{};
  const std::string& bytes = format.text()->bytes();
  const size_t length = std::strftime(buffer.data(), buffer.size(), bytes.c_str(), &local);
  return Value(Text(std::string(buffer.data(), length)));
}

}  // namespace

Interpreter::Result Interpreter::Evaluate(const Expression& expression) {
  STEER_RETURN_IF_ERROR(budget_.Spend(1));
  const absl::Cleanup leave = [this] { --depth_; };
  if (++depth_ > kDeepestRun) return TypeError("the template nests too deep");
  return EvaluateKind(expression);
}

Interpreter::Result Interpreter::EvaluateKind(const Expression& expression) {
  switch (expression.kind) {
    case Kind::kConstant:
      return expression.value;
    case Kind::kName:
      return EvaluateName(expression.name);
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
      return EvaluateAll(expression);
    case Kind::kSlice:
      return EvaluateSlice(expression);
    case Kind::kCall:
      return EvaluateCall(expression);
    case Kind::kAnd:
    case Kind::kOr:
    case Kind::kCondition:
      return EvaluateLogic(expression);
    case Kind::kCompare:
      return EvaluateCompare(expression);
    case Kind::kConcat:
      return EvaluateConcat(expression);
    default:
      break;
  }
  STEER_ASSIGN_OR_RETURN(const Value first, Evaluate(*expression.children[0]));
  switch (expression.kind) {
    case Kind::kAttribute:
      return Attribute(first, expression.name);
    case Kind::kNot:
      return Value(!first.Truth());
    case Kind::kNegative:
      return Negative(first);
    case Kind::kPositive:
      if (first.is_undefined()) return IsMissing(first);
      if (!first.number()) return TypeError(absl::StrCat("'+' of a ", first.TypeName()));
      return first.integer() ? Value(*first.integer()) : first;
    default:
      break;
  }
  STEER_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression));
  switch (expression.kind) {
    case Kind::kItem:
      return Item(first, *arguments[0], budget_);
    case Kind::kArithmetic:
      return Arithmetic(expression.name, first, *arguments[0], budget_);
    case Kind::kMethod:
      return CallMethod(expression.name, first, arguments, budget_);
    case Kind::kFilter:
      return ApplyFilter(expression.name, first, arguments, budget_);
    default:
      break;
  }
  STEER_ASSIGN_OR_RETURN(const bool passes, ApplyTest(expression.name, first, arguments, budget_));
  return Value(passes);
}

absl::StatusOr<Arguments> Interpreter::EvaluateArguments(const Expression& expression) {
  Arguments arguments(expression.children.size() - 1);
  for (size_t i = 1; i < expression.children.size(); ++i) {
    if (expression.children[i] == nullptr) continue;
    STEER_ASSIGN_OR_RETURN(arguments[i - 1], Evaluate(*expression.children[i]));
  }
  return arguments;
}

Interpreter::Result Interpreter::EvaluateName(const std::string& name) const {
  const Value* const found = scope_->Find(name);
  return found == nullptr ? Value::MissingName(name) : *found;
}

Interpreter::Result Interpreter::EvaluateAll(const Expression& expression) {
  Values values;
  for (const ExpressionPtr& child : expression.children) {
    STEER_ASSIGN_OR_RETURN(Value value, Evaluate(*child));
    values.push_back(std::move(value));
  }
  if (expression.kind != Kind::kDict) {
    return MakeSequence(
        expression.kind == Kind::kList ? Sequence::Kind::kList : Sequence::Kind::kTuple,
        std::move(values));
  }
  std::vector<std::pair<Value, Value>> entries;
  for (size_t i = 0; i + 1 < values.size(); i += 2) {
    entries.emplace_back(std::move(values[i]), std::move(values[i + 1]));
  }
  return MakeDict(std::move(entries), budget_);
}

Interpreter::Result Interpreter::EvaluateLogic(const Expression& expression) {
  const auto& children = expression.children;
  if (expression.kind == Kind::kCondition) {
    STEER_ASSIGN_OR_RETURN(const Value condition, Evaluate(*children[1]));
    if (condition.Truth()) return Evaluate(*children[0]);
    if (children[2] != nullptr) return Evaluate(*children[2]);
    return Value(Undefined{"an 'if' that was false and has no 'else'"});
  }
  STEER_ASSIGN_OR_RETURN(Value left, Evaluate(*children[0]));
  if (left.Truth() == (expression.kind == Kind::kOr)) return left;
  return Evaluate(*children[1]);
}

Interpreter::Result Interpreter::EvaluateCompare(const Expression& expression) {
  STEER_ASSIGN_OR_RETURN(Value left, Evaluate(*expression.children[0]));
  for (size_t i = 0; i < expression.operators.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(Value right, Evaluate(*expression.children[i + 1]));
    STEER_ASSIGN_OR_RETURN(const bool holds, Holds(expression.operators[i], left, right, budget_));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Interpreter::Result Interpreter::EvaluateConcat(const Expression& expression) {
  Values values;
  for (const ExpressionPtr& child : expression.children) {
    STEER_ASSIGN_OR_RETURN(Value value, Evaluate(*child));
    values.push_back(std::move(value));
  }
  STEER_ASSIGN_OR_RETURN(Text joined, Join(values, Text(), budget_));
  return Value(std::move(joined));
}

Interpreter::Result Interpreter::EvaluateSlice(const Expression& expression) {
  STEER_ASSIGN_OR_RETURN(const Value subject, Evaluate(*expression.children[0]));
  STEER_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression));
  SliceBounds bounds;
  std::optional<int64_t>* const parts[] = {&bounds.start, &bounds.stop, &bounds.step};
  for (size_t i = 0; i < 3; ++i) {
    if (!arguments[i] || arguments[i]->is_none()) continue;
    *parts[i] = arguments[i]->integer();
    if (!*parts[i]) return TypeError("a slice with a bound that is no int");
  }
  return Slice(subject, bounds, budget_);
}

Interpreter::Result Interpreter::EvaluateCall(const Expression& expression) {
  STEER_ASSIGN_OR_RETURN(const Value callee, Evaluate(*expression.children[0]));
  if (callee.is_undefined()) return IsMissing(callee);
  STEER_ASSIGN_OR_RETURN(const Arguments arguments, EvaluateArguments(expression));
  if (const Macro* const* const macro = callee.As<const Macro*>()) {
    return CallMacro(**macro, expression, arguments);
  }
  if (const Function* const function = callee.As<Function>()) {
    return CallFunction(function->name, expression, arguments);
  }
  return TypeError(absl::StrCat("calling a ", callee.TypeName()));
}

Interpreter::Result Interpreter::CallMacro(const Macro& macro, const Expression& call,
                                           const Arguments& arguments) {
  Scope scope(&top_);
  const size_t unnamed = arguments.size() - call.keywords.size();
  if (unnamed > macro.parameters.size()) {
    return TypeError(absl::StrCat(unnamed, " arguments for the macro ", macro.name));
  }
  for (const std::string& keyword : call.keywords) {
    const bool known = std::any_of(macro.parameters.begin() + static_cast<std::ptrdiff_t>(unnamed),
                                   macro.parameters.end(),
                                   [&](const Parameter& one) { return one.name == keyword; });
    if (!known) return TypeError(absl::StrCat("the argument ", keyword, " of ", macro.name));
  }
  const absl::Cleanup leave = [this, around = scope_] { scope_ = around; };
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    const Parameter& parameter = macro.parameters[i];
    const auto keyword = std::find(call.keywords.begin(), call.keywords.end(), parameter.name);
    std::optional<Value> value;
    if (i < unnamed) {
      value = arguments[i];
    } else if (keyword != call.keywords.end()) {
      value = arguments[unnamed + static_cast<size_t>(keyword - call.keywords.begin())];
    } else if (parameter.preset != nullptr) {
      scope_ = &scope;
      STEER_ASSIGN_OR_RETURN(value, Evaluate(*parameter.preset));
    }
    scope.names[parameter.name] = value.value_or(Value::MissingName(parameter.name));
  }
  STEER_ASSIGN_OR_RETURN(Text written, Captured(macro.body, scope));
  return Value(std::move(written));
}

Interpreter::Result Interpreter::CallFunction(const std::string& name, const Expression& call,
                                              const Arguments& arguments) {
  const size_t unnamed = arguments.size() - call.keywords.size();
  if (name == "namespace" || name == "dict") {
    if (unnamed > 0) return absl::UnimplementedError(absl::StrCat(name, " of another dict"));
    std::vector<std::pair<Value, Value>> entries;
    entries.reserve(call.keywords.size());
    for (size_t i = 0; i < call.keywords.size(); ++i) {
      entries.emplace_back(Value(Text(call.keywords[i])), *arguments[i]);
    }
    if (name == "dict") return MakeDict(std::move(entries), budget_);
    auto space = std::make_shared<Namespace>();
    for (auto& [key, value] : entries) {
      if (value.mutable_inside()) return absl::UnimplementedError("a namespace inside of another");
      space->attributes[key.text()->bytes()] = std::move(value);
    }
    return Value(std::move(space));
  }
  if (!call.keywords.empty()) return TypeError(absl::StrCat("named arguments of ", name));
  if (name == "range") return Range(arguments, budget_);
  if (arguments.size() != 1) return TypeError(absl::StrCat(name, " takes one argument"));
  if (name == "strftime_now") return TimeText(*arguments[0], now_);
  if (name != "raise_exception") return absl::UnimplementedError(absl::StrCat("calling ", name));
  STEER_ASSIGN_OR_RETURN(const Text message, Str(*arguments[0], budget_));
  absl::Status raised = absl::InvalidArgumentError(message.bytes());
  raised.SetPayload(kRaisedUrl, absl::Cord());
  return raised;
}

}  // namespace steer::jinja
