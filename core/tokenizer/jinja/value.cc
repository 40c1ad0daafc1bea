#include "core/tokenizer/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/overloaded.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/strings.h"

namespace steer::jinja {
namespace {

template <typename T>
int Sign(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

bool IsArray(const Value& value) {
  const Sequence* const sequence = value.sequence();
  return sequence != nullptr &&
         (sequence->kind == Sequence::Kind::kList || sequence->kind == Sequence::Kind::kTuple);
}

absl::StatusOr<bool> EqualItems(const Values& left, const Values& right, Budget& budget) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(const bool equal, Equal(left[i], right[i], budget));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<const Value*> FindEntry(const Dict& dict, const Value& key, Budget& budget) {
  for (const auto& [name, value] : dict.entries) {
    STEER_ASSIGN_OR_RETURN(const bool equal, Equal(name, key, budget));
    if (equal) return &value;
  }
  return nullptr;
}

absl::StatusOr<bool> EqualDicts(const Dict& left, const Dict& right, Budget& budget) {
  if (left.entries.size() != right.entries.size()) return false;
  for (const auto& [key, value] : left.entries) {
    STEER_ASSIGN_OR_RETURN(const Value* const other, FindEntry(right, key, budget));
    if (other == nullptr) return false;
    STEER_ASSIGN_OR_RETURN(const bool equal, Equal(value, *other, budget));
    if (!equal) return false;
  }
  return true;
}

absl::StatusOr<bool> EqualSequences(const Sequence& left, const Sequence& right, Budget& budget) {
  if (&left == &right) return true;
  using Kind = Sequence::Kind;
  if (left.kind != right.kind) return false;
  if (left.kind == Kind::kGenerator) return false;
  if (left.kind == Kind::kView) return absl::UnimplementedError("comparing views of a dict");
  return EqualItems(left.items, right.items, budget);
}

}  // namespace

absl::Status TypeError(const std::string& message) { return absl::InvalidArgumentError(message); }

absl::Status IsMissing(const Value& undefined) {
  return TypeError(absl::StrCat(undefined.As<Undefined>()->what, " is undefined"));
}

std::optional<int64_t> Value::integer() const {
  if (const bool* const truth = As<bool>()) return *truth ? 1 : 0;
  if (const int64_t* const whole = As<int64_t>()) return *whole;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (const double* const real = As<double>()) return *real;
  const std::optional<int64_t> whole = integer();
  return whole ? std::optional<double>(static_cast<double>(*whole)) : std::nullopt;
}

std::string Value::TypeName() const {
  static constexpr const char* kNames[] = {"undefined", "none",     "bool",  "int",       "float",
                                           "str",       "list",     "dict",  "namespace", "loop",
                                           "macro",     "function", "method"};
  static_assert(std::size(kNames) == std::variant_size_v<Variant>);
  return kNames[variant_.index()];
}

bool Value::Truth() const {
  return std::visit(
      Overloaded{
          [](const Undefined&) { return false; }, [](const None&) { return false; },
          [](bool truth) { return truth; }, [](int64_t whole) { return whole != 0; },
          [](double real) { return real != 0; },
          [](const std::shared_ptr<const Text>& text) { return !text->empty(); },
          [](const std::shared_ptr<const Sequence>& sequence) {
            return sequence->kind == Sequence::Kind::kGenerator || !sequence->items.empty();
          },
          [](const std::shared_ptr<const Dict>& dict) { return !dict->entries.empty(); },
          [](const std::shared_ptr<const Loop>& loop) { return !loop->items->items.empty(); },
          [](const auto&) { return true; }},
      variant_);
}

int Value::depth() const {
  if (sequence() != nullptr) return sequence()->depth;
  return dict() != nullptr ? dict()->depth : loop() != nullptr ? loop()->items->depth : 0;
}

bool Value::mutable_inside() const {
  if (sequence() != nullptr) return sequence()->mutable_inside;
  if (loop() != nullptr) return loop()->items->mutable_inside;
  return dict() != nullptr ? dict()->mutable_inside : name_space() != nullptr;
}

const Value* Dict::Find(const std::string& key) const {
  for (const auto& [name, value] : entries) {
    if (name.text() != nullptr && name.text()->bytes() == key) return &value;
  }
  return nullptr;
}

absl::StatusOr<Value> MakeSequence(Sequence::Kind kind, Values items) {
  Sequence sequence{.kind = kind};
  for (const Value& item : items) {
    sequence.depth = std::max(sequence.depth, 1 + item.depth());
    sequence.mutable_inside = sequence.mutable_inside || item.mutable_inside();
  }
  if (sequence.depth > kDeepestValue) return TypeError("lists nest too deep");
  sequence.items = std::move(items);
  return Value(std::make_shared<const Sequence>(std::move(sequence)));
}

absl::StatusOr<Value> MakeDict(std::vector<std::pair<Value, Value>> entries, Budget& budget) {
  Dict dict;
  for (auto& [key, value] : entries) {
    if (key.text() == nullptr && !key.number() && !key.is_none()) {
      return TypeError(absl::StrCat("a key of a dict that is of type ", key.TypeName()));
    }
    dict.depth = std::max(dict.depth, 1 + value.depth());
    dict.mutable_inside = dict.mutable_inside || value.mutable_inside();
    STEER_ASSIGN_OR_RETURN(const Value* const earlier, FindEntry(dict, key, budget));
    if (earlier == nullptr) {
      dict.entries.emplace_back(std::move(key), std::move(value));
      continue;
    }
    for (auto& entry : dict.entries) {
      if (&entry.second == earlier) entry.second = value;
    }
  }
  if (dict.depth > kDeepestValue) return TypeError("dicts nest too deep");
  return Value(std::make_shared<const Dict>(std::move(dict)));
}

absl::StatusOr<bool> Equal(const Value& left, const Value& right, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.Spend(1));
  const auto integers = std::pair(left.integer(), right.integer());
  if (integers.first && integers.second) return *integers.first == *integers.second;
  const auto numbers = std::pair(left.number(), right.number());
  if (numbers.first && numbers.second) return *numbers.first == *numbers.second;
  if (left.variant().index() != right.variant().index()) return false;
  if (left.text() != nullptr) {
    STEER_RETURN_IF_ERROR(budget.SpendBytes(left.text()->size()));
    return left.text()->bytes() == right.text()->bytes();
  }
  if (left.sequence() != nullptr) {
    return EqualSequences(*left.sequence(), *right.sequence(), budget);
  }
  if (left.dict() != nullptr) return EqualDicts(*left.dict(), *right.dict(), budget);
  if (left.name_space() != nullptr) return left.name_space() == right.name_space();
  if (left.loop() != nullptr) return left.loop() == right.loop();
  if (left.is_undefined() || left.is_none()) return true;
  return absl::UnimplementedError(absl::StrCat("comparing a ", left.TypeName()));
}

absl::StatusOr<int> Compare(const Value& left, const Value& right, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.Spend(1));
  if (left.is_undefined()) return IsMissing(left);
  if (right.is_undefined()) return IsMissing(right);
  if (left.integer() && right.integer()) return Sign(*left.integer(), *right.integer());
  if (left.number() && right.number()) {
    if (std::isnan(*left.number()) || std::isnan(*right.number())) {
      return absl::UnimplementedError("ordering what is not a number");
    }
    return Sign(*left.number(), *right.number());
  }
  // Bytes of UTF-8 are in the order of their code points.
  if (left.text() != nullptr && right.text() != nullptr) {
    STEER_RETURN_IF_ERROR(budget.SpendBytes(left.text()->size()));
    return left.text()->bytes().compare(right.text()->bytes());
  }
  if (IsArray(left) && IsArray(right) && left.sequence()->kind == right.sequence()->kind) {
    const Values& a = left.sequence()->items;
    const Values& b = right.sequence()->items;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
      STEER_ASSIGN_OR_RETURN(const bool equal, Equal(a[i], b[i], budget));
      if (!equal) return Compare(a[i], b[i], budget);
    }
    return Sign(a.size(), b.size());
  }
  return TypeError(absl::StrCat("comparing ", left.TypeName(), " with ", right.TypeName()));
}

absl::StatusOr<bool> Contains(const Value& hay, const Value& needle, Budget& budget) {
  if (const Text* const text = hay.text()) {
    if (needle.text() == nullptr) {
      return TypeError(absl::StrCat("looking for a ", needle.TypeName(), " in a str"));
    }
    STEER_RETURN_IF_ERROR(budget.SpendSearch(text->size(), needle.text()->size()));
    return text->bytes().find(needle.text()->bytes()) != std::string::npos;
  }
  if (hay.dict() != nullptr) {
    STEER_ASSIGN_OR_RETURN(const Value* const found, FindEntry(*hay.dict(), needle, budget));
    return found != nullptr;
  }
  STEER_ASSIGN_OR_RETURN(const Values items, Items(hay, budget));
  for (const Value& item : items) {
    STEER_ASSIGN_OR_RETURN(const bool equal, Equal(item, needle, budget));
    if (equal) return true;
  }
  return false;
}

absl::StatusOr<Values> Items(const Value& value, Budget& budget) {
  Values items;
  if (value.is_undefined()) return items;
  if (const Sequence* const sequence = value.sequence()) {
    if (sequence->used) return absl::UnimplementedError("going through a generator twice");
    sequence->used = sequence->kind == Sequence::Kind::kGenerator;
    STEER_RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(sequence->items.size())));
    return sequence->items;
  }
  if (const Dict* const dict = value.dict()) {
    for (const auto& entry : dict->entries) items.push_back(entry.first);
  } else if (const Text* const text = value.text()) {
    const std::vector<size_t> starts = CharacterStarts(text->bytes());
    STEER_RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(starts.size())));
    for (size_t i = 0; i < starts.size(); ++i) {
      const size_t end = i + 1 < starts.size() ? starts[i + 1] : text->size();
      items.emplace_back(text->Part(starts[i], end));
    }
  } else {
    return TypeError(absl::StrCat("going through a ", value.TypeName()));
  }
  STEER_RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(items.size())));
  return items;
}

}  // namespace steer::jinja
