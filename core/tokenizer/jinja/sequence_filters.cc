#include "core/tokenizer/jinja/sequence_filters.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/operations.h"

namespace steer::jinja {
namespace {

using Result = absl::StatusOr<Value>;

// Arguments from `at` on.
Arguments Behind(const Arguments& arguments, size_t at) {
  if (arguments.size() <= at) return {};
  return {arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end()};
}

}  // namespace

Result DottedItem(const Value& value, const Value& attribute, Budget& budget) {
  if (attribute.integer()) return Item(value, attribute, budget);
  if (attribute.text() == nullptr) return TypeError("an attribute that is no str");
  Value found = value;
  for (const absl::string_view part : absl::StrSplit(attribute.text()->bytes(), '.')) {
    int64_t number = 0;
    const bool is_number = !part.empty() &&
                           std::all_of(part.begin(), part.end(), absl::ascii_isdigit) &&
                           absl::SimpleAtoi(part, &number);
    STEER_ASSIGN_OR_RETURN(
        found, Item(found, is_number ? Value(number) : Value(Text(std::string(part))), budget));
  }
  return found;
}

Result Selected(const std::string& name, const Value& subject, const Arguments& arguments,
                Budget& budget) {
  const bool by_attribute = name.size() > 6;
  const bool wanted = name[0] == 's';
  const size_t test_at = by_attribute ? 1 : 0;
  STEER_ASSIGN_OR_RETURN(const Values items, Items(subject, budget));
  Values selected;
  for (const Value& item : items) {
    Value tested = item;
    if (by_attribute) {
      STEER_ASSIGN_OR_RETURN(tested, DottedItem(item, *arguments[0], budget));
    }
    bool passes = tested.Truth();
    if (arguments.size() > test_at) {
      Arguments others = Behind(arguments, test_at + 1);
      others.resize(std::max<size_t>(others.size(), 1));
      const std::string& test = arguments[test_at]->text()->bytes();
      STEER_ASSIGN_OR_RETURN(passes, ApplyTest(test, tested, others, budget));
    }
    if (passes == wanted) selected.push_back(item);
  }
  return MakeSequence(Sequence::Kind::kGenerator, std::move(selected));
}

Result Mapped(const Value& subject, const Arguments& arguments, Budget& budget) {
  STEER_ASSIGN_OR_RETURN(const Values items, Items(subject, budget));
  Values mapped;
  for (const Value& item : items) {
    Value value;
    if (arguments[0]) {
      STEER_ASSIGN_OR_RETURN(value, DottedItem(item, *arguments[0], budget));
      if (value.is_undefined() && arguments[1]) value = *arguments[1];
    } else if (arguments.size() > 2) {
      const Arguments none(4);
      STEER_ASSIGN_OR_RETURN(value, ApplyFilter(arguments[2]->text()->bytes(), item, none, budget));
    } else {
      return TypeError("map without a filter or an attribute");
    }
    mapped.push_back(std::move(value));
  }
  return MakeSequence(Sequence::Kind::kGenerator, std::move(mapped));
}

Result OfItems(const std::string& name, const Value& subject, Budget& budget) {
  const Sequence* const sequence = subject.sequence();
  if (name == "last" && sequence != nullptr && sequence->kind == Sequence::Kind::kGenerator) {
    return TypeError("the last of a generator");
  }
  STEER_ASSIGN_OR_RETURN(Values items, Items(subject, budget));
  if (name == "first" || name == "last") {
    if (items.empty()) return Value(Undefined{absl::StrCat("the ", name, " item of nothing")});
    return name == "first" ? items.front() : items.back();
  }
  if (name == "list") return MakeSequence(Sequence::Kind::kList, std::move(items));
  std::reverse(items.begin(), items.end());
  if (subject.text() == nullptr) {
    return MakeSequence(Sequence::Kind::kGenerator, std::move(items));
  }
  STEER_ASSIGN_OR_RETURN(Text reversed, Join(items, Text(), budget));
  return Value(std::move(reversed));
}

}  // namespace steer::jinja
