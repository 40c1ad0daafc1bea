#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/builtins.h"
#include "core/tokenizer/jinja/operations.h"
#include "core/tokenizer/jinja/print.h"
#include "core/tokenizer/jinja/sequence_filters.h"
#include "core/tokenizer/jinja/strings.h"

namespace steer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

Result JsonFilter(const Value& subject, const Arguments& arguments, Budget& budget) {
  JsonFormat format;
  format.ensure_ascii = TruthArgument(arguments, 0, false);
  format.sort_keys = TruthArgument(arguments, 3, false);
  if (arguments[1] && !arguments[1]->is_none()) {
    constexpr int64_t kWidest = 64;
    if (const Text* const text = arguments[1]->text()) {
      format.indent = text->bytes();
    } else {
      STEER_ASSIGN_OR_RETURN(const int64_t width, WholeArgument(arguments, 1, 0));
      if (width > kWidest) return absl::UnimplementedError("tojson with a wider indent than 64");
      format.indent.emplace(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
    format.item_separator = std::string(1, ',');
  }
  if (arguments[2] && !arguments[2]->is_none()) {
    STEER_ASSIGN_OR_RETURN(const Values separators, Items(*arguments[2], budget));
    if (separators.size() != 2 || separators[0].text() == nullptr ||
        separators[1].text() == nullptr) {
      return TypeError("tojson with separators that are no two str");
    }
    format.item_separator = separators[0].text()->bytes();
    format.key_separator = separators[1].text()->bytes();
  }
  STEER_ASSIGN_OR_RETURN(Text json, ToJson(subject, format, budget));
  return Value(std::move(json));
}

Result JoinFilter(const Value& subject, const Arguments& arguments, Budget& budget) {
  STEER_ASSIGN_OR_RETURN(Values items, Items(subject, budget));
  if (arguments[1] && !arguments[1]->is_none()) {
    for (Value& item : items) {
      STEER_ASSIGN_OR_RETURN(item, DottedItem(item, *arguments[1], budget));
    }
  }
  STEER_ASSIGN_OR_RETURN(const Text separator, Str(arguments[0].value_or(Value(Text())), budget));
  STEER_ASSIGN_OR_RETURN(Text joined, Join(items, separator, budget));
  return Value(std::move(joined));
}

Result SortedDict(const Value& subject, Budget& budget) {
  if (subject.dict() == nullptr) return TypeError("dictsort of what is no dict");
  std::vector<std::pair<std::string, Value>> sorted;
  for (const auto& [key, value] : subject.dict()->entries) {
    if (key.text() == nullptr) return absl::UnimplementedError("dictsort of keys that are no str");
    STEER_ASSIGN_OR_RETURN(const Text lower, WithCase(*key.text(), Case::kLower));
    STEER_ASSIGN_OR_RETURN(Value pair, MakeSequence(Sequence::Kind::kTuple, {key, value}));
    sorted.emplace_back(lower.bytes(), std::move(pair));
  }
  STEER_RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(sorted.size())));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Values items;
  for (auto& entry : sorted) items.push_back(std::move(entry.second));
  return MakeSequence(Sequence::Kind::kList, std::move(items));
}

// int and float: the preset for what is no number.
Result NumberFilter(const std::string& name, const Value& subject, const Arguments& arguments) {
  const bool whole = name == "int";
  Value preset = arguments[0].value_or(whole ? Value(int64_t{0}) : Value(0.0));
  if (subject.is_undefined()) return IsMissing(subject);
  if (subject.integer()) return whole ? Value(*subject.integer()) : Value(*subject.number());
  double real = 0;
  if (const double* const number = subject.As<double>()) {
    real = *number;
  } else if (subject.text() != nullptr) {
    const std::string text = Strip(*subject.text(), Side::kBoth, std::nullopt).bytes();
    int64_t parsed = 0;
    if (whole && absl::SimpleAtoi(text, &parsed)) return Value(parsed);
    if (!absl::SimpleAtod(text, &real)) return preset;
  } else {
    return preset;
  }
  if (!whole) return Value(real);
  if (std::isnan(real)) return preset;
  if (std::abs(real) >= 9e18) return absl::UnimplementedError("int of a float of that size");
  return Value(static_cast<int64_t>(real));
}

Result Indented(const Text& text, const Arguments& arguments, Budget& budget) {
  constexpr int64_t kWidest = 64;
  std::string indent;
  if (arguments[0] && arguments[0]->text() != nullptr) {
    indent = arguments[0]->text()->bytes();
  } else {
    STEER_ASSIGN_OR_RETURN(const int64_t width, WholeArgument(arguments, 0, 4));
    if (width > kWidest) return absl::UnimplementedError("a wider indent than 64");
    indent.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  Text ended = text;
  ended.Append("\n");
  const std::vector<Text> lines = SplitLines(ended);
  STEER_RETURN_IF_ERROR(budget.SpendBytes(text.size() + lines.size() * (indent.size() + 1)));
  Text result;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) result.Append("\n");
    const bool indents = i == 0 ? TruthArgument(arguments, 1, false)
                                : !lines[i].empty() || TruthArgument(arguments, 2, false);
    if (indents) result.Append(indent);
    result.Append(lines[i]);
  }
  return Value(std::move(result));
}

// Filters of what prints as text.
Result TextFilter(const std::string& name, const Value& subject, const Arguments& arguments,
                  Budget& budget) {
  STEER_ASSIGN_OR_RETURN(Text text, Str(subject, budget));
  STEER_RETURN_IF_ERROR(budget.SpendBytes(text.size()));
  if (name == "string") return Value(std::move(text));
  if (name == "safe") {
    text.MarkSafe();
    return Value(std::move(text));
  }
  if (name == "trim") {
    std::optional<std::string> characters;
    if (arguments[0] && !arguments[0]->is_none()) {
      if (arguments[0]->text() == nullptr) return TypeError("trim of what is no str");
      characters = arguments[0]->text()->bytes();
    }
    return Value(Strip(text, Side::kBoth, characters));
  }
  if (name == "replace") {
    STEER_ASSIGN_OR_RETURN(const Text old, Str(*arguments[0], budget));
    STEER_ASSIGN_OR_RETURN(const Text by, Str(*arguments[1], budget));
    STEER_ASSIGN_OR_RETURN(const int64_t limit, WholeArgument(arguments, 2, -1));
    STEER_ASSIGN_OR_RETURN(text, Replace(text, old, by, limit, budget));
    return Value(std::move(text));
  }
  if (name == "indent") return Indented(text, arguments, budget);
  const Case letter_case = name == "upper"   ? Case::kUpper
                           : name == "lower" ? Case::kLower
                                             : Case::kCapitalize;
  STEER_ASSIGN_OR_RETURN(text, name == "title" ? TitleFilter(text) : WithCase(text, letter_case));
  return Value(std::move(text));
}

}  // namespace

absl::StatusOr<int64_t> Length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.text() != nullptr) {
    return static_cast<int64_t>(CountCharacters(value.text()->bytes()));
  }
  if (value.dict() != nullptr) return static_cast<int64_t>(value.dict()->entries.size());
  const Sequence* const sequence = value.sequence();
  if (sequence != nullptr && sequence->kind != Sequence::Kind::kGenerator) {
    return static_cast<int64_t>(sequence->items.size());
  }
  if (value.loop() != nullptr) return static_cast<int64_t>(value.loop()->items->items.size());
  return TypeError(absl::StrCat("the length of a ", value.TypeName()));
}

absl::StatusOr<Text> Join(const Values& values, const Text& separator, Budget& budget) {
  Text joined;
  for (size_t i = 0; i < values.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(const Text text, Str(values[i], budget));
    STEER_RETURN_IF_ERROR(budget.SpendBytes(text.size() + separator.size()));
    if (joined.size() > Budget::kLongestText) return budget.SpendBytes(joined.size());
    if (i > 0) joined.Append(separator);
    joined.Append(text);
  }
  return joined;
}

absl::StatusOr<int64_t> WholeArgument(const Arguments& arguments, size_t at, int64_t preset) {
  if (at >= arguments.size() || !arguments[at] || arguments[at]->is_none()) return preset;
  if (arguments[at]->integer()) return *arguments[at]->integer();
  return TypeError(
      absl::StrCat("an argument of type ", arguments[at]->TypeName(), " where an int belongs"));
}

bool TruthArgument(const Arguments& arguments, size_t at, bool preset) {
  return at < arguments.size() && arguments[at] ? arguments[at]->Truth() : preset;
}

absl::StatusOr<Value> ApplyFilter(const std::string& name, const Value& subject,
                                  const Arguments& arguments, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.Spend(1));
  if (name == "default" || name == "d") {
    const bool replaced =
        subject.is_undefined() || (TruthArgument(arguments, 1, false) && !subject.Truth());
    return replaced ? arguments[0].value_or(Value(Text())) : subject;
  }
  if (name == "length" || name == "count") {
    if (subject.text() != nullptr) {
      STEER_RETURN_IF_ERROR(budget.SpendBytes(subject.text()->size()));
    }
    STEER_ASSIGN_OR_RETURN(const int64_t length, Length(subject));
    return Value(length);
  }
  if (name == "tojson") return JsonFilter(subject, arguments, budget);
  if (name == "join") return JoinFilter(subject, arguments, budget);
  if (name == "map") return Mapped(subject, arguments, budget);
  if (name.substr(0, 6) == "select" || name.substr(0, 6) == "reject") {
    return Selected(name, subject, arguments, budget);
  }
  if (name == "dictsort") return SortedDict(subject, budget);
  if (name == "int" || name == "float") return NumberFilter(name, subject, arguments);
  if (name == "abs") {
    if (!subject.number()) return TypeError(absl::StrCat("abs of a ", subject.TypeName()));
    return *subject.number() < 0 ? Negative(subject)
           : subject.integer()   ? Value(*subject.integer())
                                 : subject;
  }
  if (name == "items") {
    if (subject.is_undefined()) return MakeSequence(Sequence::Kind::kGenerator, {});
    if (subject.dict() == nullptr) return TypeError("items of what is no dict");
    STEER_ASSIGN_OR_RETURN(const Value view, CallMethod("items", subject, {}, budget));
    return MakeSequence(Sequence::Kind::kGenerator, view.sequence()->items);
  }
  if (name == "first" || name == "last" || name == "reverse" || name == "list") {
    return OfItems(name, subject, budget);
  }
  return TextFilter(name, subject, arguments, budget);
}

}  // namespace steer::jinja
