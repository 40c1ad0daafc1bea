#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/builtins.h"

namespace steer::jinja {
namespace {

// What is asked about the type alone.
std::optional<bool> TestType(const std::string& name, const Value& value) {
  const Sequence* const sequence = value.sequence();
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "string") return value.text() != nullptr;
  if (name == "mapping") return value.dict() != nullptr;
  if (name == "number") return value.number().has_value();
  if (name == "integer") return value.Is<int64_t>();
  if (name == "float") return value.Is<double>();
  if (name == "boolean") return value.Is<bool>();
  if (name == "true") return value.Is<bool>() && *value.As<bool>();
  if (name == "false") return value.Is<bool>() && !*value.As<bool>();
  if (name == "callable") {
    return value.Is<Function>() || value.Is<Method>() || value.Is<const Macro*>();
  }
  const bool indexed = value.is_undefined() || value.text() != nullptr || value.dict() != nullptr;
  if (name == "iterable") return indexed || sequence != nullptr || value.loop() != nullptr;
  if (name == "sequence") {
    return indexed || (sequence != nullptr && sequence->kind <= Sequence::Kind::kRange);
  }
  return std::nullopt;
}

absl::StatusOr<bool> TestOrder(const std::string& name, const Value& left, const Value& right,
                               Budget& budget) {
  STEER_ASSIGN_OR_RETURN(const int order, Compare(left, right, budget));
  if (name == "<" || name == "lt" || name == "lessthan") return order < 0;
  if (name == "<=" || name == "le") return order <= 0;
  if (name == ">" || name == "gt" || name == "greaterthan") return order > 0;
  return order >= 0;
}

}  // namespace

absl::StatusOr<bool> ApplyTest(const std::string& name, const Value& subject,
                               const Arguments& arguments, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.Spend(1));
  if (const std::optional<bool> answer = TestType(name, subject)) return *answer;
  if (name == "odd" || name == "even" || name == "divisibleby") {
    STEER_ASSIGN_OR_RETURN(const int64_t divisor, WholeArgument(arguments, 0, 2));
    if (subject.is_undefined()) return IsMissing(subject);
    if (!subject.integer())
      return TypeError(absl::StrCat("'", name, "' of a ", subject.TypeName()));
    if (divisor == 0) return TypeError("division by zero");
    const bool divides = divisor == -1 || *subject.integer() % divisor == 0;
    return name == "odd" ? !divides : divides;
  }
  if (!arguments[0]) return TypeError(absl::StrCat("the test ", name, " without its argument"));
  const Value& other = *arguments[0];
  if (name == "in") return Contains(other, subject, budget);
  if (name == "==" || name == "eq" || name == "equalto") return Equal(subject, other, budget);
  if (name == "!=" || name == "ne") {
    STEER_ASSIGN_OR_RETURN(const bool equal, Equal(subject, other, budget));
    return !equal;
  }
  return TestOrder(name, subject, other, budget);
}

}  // namespace steer::jinja
