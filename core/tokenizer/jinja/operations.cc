#include "core/tokenizer/jinja/operations.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/signatures.h"
#include "core/tokenizer/jinja/strings.h"

namespace steer::jinja {
namespace {

absl::Status TooLarge() { return absl::UnimplementedError("a whole number of more than 64 bits"); }

absl::StatusOr<Value> Power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return TypeError("0 to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t power = 1;
  if (base == 0 || base == 1) return Value(exponent == 0 ? int64_t{1} : base);
  if (base == -1) return Value(exponent % 2 == 0 ? int64_t{1} : int64_t{-1});
  for (int64_t i = 0; i < exponent; ++i) {  // ends after 63 steps at most
    if (__builtin_mul_overflow(power, base, &power)) return TooLarge();
  }
  return Value(power);
}

absl::StatusOr<Value> WholeArithmetic(const std::string& name, int64_t left, int64_t right) {
  int64_t result = 0;
  bool overflow = false;
  if (name == "+") {
    overflow = __builtin_add_overflow(left, right, &result);
  } else if (name == "-") {
    overflow = __builtin_sub_overflow(left, right, &result);
  } else if (name == "*") {
    overflow = __builtin_mul_overflow(left, right, &result);
  } else if (name == "**") {
    return Power(left, right);
  } else if (right == 0) {
    return TypeError("division by zero");
  } else if (name == "/") {
    return Value(static_cast<double>(left) / static_cast<double>(right));
  } else if (right == -1) {
    overflow = name == "//" && __builtin_sub_overflow(int64_t{0}, left, &result);
  } else {
    const int64_t remainder = left % right;
    const bool down = remainder != 0 && (remainder < 0) != (right < 0);
    result = name == "%" ? remainder + (down ? right : 0) : left / right - (down ? 1 : 0);
  }
  if (overflow) return TooLarge();
  return Value(result);
}

absl::StatusOr<Value> RealArithmetic(const std::string& name, double left, double right) {
  if (name == "+") return Value(left + right);
  if (name == "-") return Value(left - right);
  if (name == "*") return Value(left * right);
  if (name == "/") {
    if (right == 0) return TypeError("division by zero");
    return Value(left / right);
  }
  return absl::UnimplementedError(absl::StrCat("'", name, "' of floats"));
}

absl::StatusOr<Value> Repeated(const Value& value, int64_t times, Budget& budget) {
  times = std::max<int64_t>(times, 0);
  const auto size = static_cast<int64_t>(value.text() != nullptr ? value.text()->size()
                                                                 : value.sequence()->items.size());
  if (size > 0 && times > static_cast<int64_t>(Budget::kLongestText) / size) {
    return budget.SpendBytes(Budget::kLongestText + 1);
  }
  STEER_RETURN_IF_ERROR(budget.Spend(times));
  if (const Text* const text = value.text()) {
    STEER_RETURN_IF_ERROR(budget.SpendBytes(static_cast<size_t>(size * times)));
    Text repeated;
    for (int64_t i = 0; i < times; ++i) repeated.Append(*text);
    return Value(std::move(repeated));
  }
  STEER_RETURN_IF_ERROR(budget.Spend(size * times));
  Values items;
  for (int64_t i = 0; i < times; ++i) {
    items.insert(items.end(), value.sequence()->items.begin(), value.sequence()->items.end());
  }
  return MakeSequence(value.sequence()->kind, std::move(items));
}

bool IsArray(const Value& value) {
  return value.sequence() != nullptr && (value.sequence()->kind == Sequence::Kind::kList ||
                                         value.sequence()->kind == Sequence::Kind::kTuple);
}

absl::StatusOr<Value> LoopAttribute(const Loop& loop, const std::string& name) {
  const Values& items = loop.items->items;
  const auto length = static_cast<int64_t>(items.size());
  if (name == "index") return Value(loop.index0 + 1);
  if (name == "index0") return Value(loop.index0);
  if (name == "revindex") return Value(length - loop.index0);
  if (name == "revindex0") return Value(length - loop.index0 - 1);
  if (name == "first") return Value(loop.index0 == 0);
  if (name == "last") return Value(loop.index0 + 1 == length);
  if (name == "length") return Value(length);
  if (name == "depth") return Value(int64_t{1});  // only recursive loops are deeper
  if (name == "depth0") return Value(int64_t{0});
  if (name == "previtem") {
    if (loop.index0 == 0) return Value(Undefined{"the item before the first"});
    return items[static_cast<size_t>(loop.index0 - 1)];
  }
  if (name == "nextitem") {
    if (loop.index0 + 1 == length) return Value(Undefined{"the item after the last"});
    return items[static_cast<size_t>(loop.index0 + 1)];
  }
  return absl::UnimplementedError(absl::StrCat("loop.", name));
}

// The places that a slice takes out of `length`, as Python counts them.
std::vector<size_t> SlicePlaces(const SliceBounds& bounds, int64_t length) {
  const int64_t step = bounds.step.value_or(1);
  const bool back = step < 0;
  const auto place = [&](const std::optional<int64_t>& bound, int64_t otherwise) {
    if (!bound) return otherwise;
    const int64_t at = *bound < 0 ? *bound + length : *bound;
    return std::clamp<int64_t>(at, back ? -1 : 0, back ? length - 1 : length);
  };
  const int64_t start = place(bounds.start, back ? length - 1 : 0);
  const int64_t stop = place(bounds.stop, back ? -1 : length);
  std::vector<size_t> places;
  const int64_t stride = std::clamp<int64_t>(step, -length - 1, length + 1);
  for (int64_t at = start; back ? at > stop : at < stop; at += stride) {
    places.push_back(static_cast<size_t>(at));
  }
  return places;
}

}  // namespace

absl::StatusOr<Value> Arithmetic(const std::string& name, const Value& left, const Value& right,
                                 Budget& budget) {
  if (left.is_undefined()) return IsMissing(left);
  if (right.is_undefined()) return IsMissing(right);
  if (left.integer() && right.integer()) {
    return WholeArithmetic(name, *left.integer(), *right.integer());
  }
  if (left.number() && right.number()) return RealArithmetic(name, *left.number(), *right.number());
  if (name == "+" && left.text() != nullptr && right.text() != nullptr) {
    STEER_RETURN_IF_ERROR(budget.SpendBytes(left.text()->size() + right.text()->size()));
    if (left.text()->is_safe() || right.text()->is_safe()) {
      return absl::UnimplementedError("'+' of a text that went through the filter safe");
    }
    Text sum = *left.text();
    sum.Append(*right.text());
    return Value(std::move(sum));
  }
  if (name == "+" && IsArray(left) && IsArray(right) &&
      left.sequence()->kind == right.sequence()->kind) {
    Values items = left.sequence()->items;
    const Values& more = right.sequence()->items;
    STEER_RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(items.size() + more.size())));
    items.insert(items.end(), more.begin(), more.end());
    return MakeSequence(left.sequence()->kind, std::move(items));
  }
  if (name == "*" && (left.text() != nullptr || IsArray(left)) && right.integer()) {
    return Repeated(left, *right.integer(), budget);
  }
  if (name == "*" && left.integer() && (right.text() != nullptr || IsArray(right))) {
    return Repeated(right, *left.integer(), budget);
  }
  if (name == "%" && left.text() != nullptr) return absl::UnimplementedError("formatting with '%'");
  return TypeError(absl::StrCat("'", name, "' of ", left.TypeName(), " and ", right.TypeName()));
}

absl::StatusOr<Value> Negative(const Value& value) {
  if (value.is_undefined()) return IsMissing(value);
  if (value.integer()) return WholeArithmetic("-", 0, *value.integer());
  if (value.number()) return Value(-*value.number());
  return TypeError(absl::StrCat("'-' of a ", value.TypeName()));
}

absl::StatusOr<Value> Attribute(const Value& value, const std::string& name) {
  if (value.is_undefined()) return IsMissing(value);
  if (value.loop() != nullptr) return LoopAttribute(*value.loop(), name);
  if (const Namespace* const space = value.name_space()) {
    const auto found = space->attributes.find(name);
    if (found != space->attributes.end()) return found->second;
  }
  if (value.dict() != nullptr) {
    if (DictHas(name)) return Value(Method{name});
    if (const Value* const found = value.dict()->Find(name)) return *found;
  }
  if (value.text() != nullptr && TextHas(name)) return Value(Method{name});
  return Value(Undefined{absl::StrCat("'", name, "' of a ", value.TypeName())});
}

absl::StatusOr<Value> Item(const Value& value, const Value& key, Budget& budget) {
  if (value.is_undefined()) return IsMissing(value);
  if (const Dict* const dict = value.dict()) {
    for (const auto& [name, found] : dict->entries) {
      STEER_ASSIGN_OR_RETURN(const bool equal, Equal(name, key, budget));
      if (equal) return found;
    }
  }
  const std::optional<int64_t> at = key.integer();
  const Sequence* const sequence = value.sequence();
  if (at && sequence != nullptr && sequence->kind <= Sequence::Kind::kRange) {
    const auto length = static_cast<int64_t>(sequence->items.size());
    const int64_t place = *at < 0 ? *at + length : *at;
    if (place >= 0 && place < length) return sequence->items[static_cast<size_t>(place)];
  } else if (at && value.text() != nullptr) {
    const Text& text = *value.text();
    STEER_RETURN_IF_ERROR(budget.SpendBytes(text.size()));
    const std::vector<size_t> starts = CharacterStarts(text.bytes());
    const auto length = static_cast<int64_t>(starts.size());
    const int64_t place = *at < 0 ? *at + length : *at;
    if (place >= 0 && place < length) {
      const size_t end = place + 1 < length ? starts[static_cast<size_t>(place + 1)] : text.size();
      return Value(text.Part(starts[static_cast<size_t>(place)], end));
    }
  }
  if (key.text() != nullptr) return Attribute(value, key.text()->bytes());
  return Value(Undefined{absl::StrCat("an item of a ", value.TypeName())});
}

absl::StatusOr<Value> Slice(const Value& value, const SliceBounds& bounds, Budget& budget) {
  if (value.is_undefined()) return IsMissing(value);
  if (bounds.step == 0) return TypeError("a slice with step 0");
  if (const Text* const text = value.text()) {
    STEER_RETURN_IF_ERROR(budget.SpendBytes(text->size()));
    const std::vector<size_t> starts = CharacterStarts(text->bytes());
    Text slice;
    for (const size_t place : SlicePlaces(bounds, static_cast<int64_t>(starts.size()))) {
      const size_t end = place + 1 < starts.size() ? starts[place + 1] : text->size();
      slice.AppendPart(*text, starts[place], end);
    }
    return Value(std::move(slice));
  }
  const Sequence* const sequence = value.sequence();
  if (sequence == nullptr || sequence->kind > Sequence::Kind::kRange) {
    return TypeError(absl::StrCat("a slice of a ", value.TypeName()));
  }
  Values items;
  for (const size_t place : SlicePlaces(bounds, static_cast<int64_t>(sequence->items.size()))) {
    items.push_back(sequence->items[place]);
  }
  STEER_RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(items.size())));
  return MakeSequence(sequence->kind, std::move(items));
}

}  // namespace steer::jinja
