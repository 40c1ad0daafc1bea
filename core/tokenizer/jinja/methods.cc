#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/jinja/builtins.h"
#include "core/tokenizer/jinja/print.h"
#include "core/tokenizer/jinja/signatures.h"
#include "core/tokenizer/jinja/strings.h"

namespace steer::jinja {
namespace {

absl::Status NoSuchMethod(const std::string& name, const Value& subject) {
  return TypeError(absl::StrCat("a ", subject.TypeName(), " has no method '", name, "'"));
}

absl::StatusOr<const Text*> TextArgument(const Arguments& arguments, size_t at) {
  const Text* const text = arguments[at] ? arguments[at]->text() : nullptr;
  if (text != nullptr) return text;
  return TypeError(absl::StrCat("an argument of type ",
                                arguments[at] ? arguments[at]->TypeName() : "none",
                                " where a str belongs"));
}

absl::StatusOr<Value> ListOf(std::vector<Text> parts, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.Spend(static_cast<int64_t>(parts.size())));
  Values items;
  items.reserve(parts.size());
  for (Text& part : parts) items.emplace_back(std::move(part));
  return MakeSequence(Sequence::Kind::kList, std::move(items));
}

absl::StatusOr<Value> Split(const Text& text, const Arguments& arguments, Budget& budget) {
  STEER_ASSIGN_OR_RETURN(const int64_t limit, WholeArgument(arguments, 1, -1));
  STEER_RETURN_IF_ERROR(budget.SpendBytes(text.size()));
  if (!arguments[0] || arguments[0]->is_none()) return ListOf(SplitAtSpace(text, limit), budget);
  STEER_ASSIGN_OR_RETURN(const Text* const separator, TextArgument(arguments, 0));
  if (separator->empty()) return TypeError("splitting at an empty str");
  STEER_RETURN_IF_ERROR(budget.SpendSearch(text.size(), separator->size()));
  return ListOf(SplitAt(text, separator->bytes(), limit), budget);
}

absl::StatusOr<Value> Stripped(const std::string& name, const Text& text,
                               const Arguments& arguments, Budget& budget) {
  std::optional<std::string> characters;
  if (arguments[0] && !arguments[0]->is_none()) {
    STEER_ASSIGN_OR_RETURN(const Text* const given, TextArgument(arguments, 0));
    characters = given->bytes();
  }
  STEER_RETURN_IF_ERROR(budget.SpendSearch(text.size(), characters ? characters->size() : 0));
  const Side side = name == "strip" ? Side::kBoth : name == "lstrip" ? Side::kLeft : Side::kRight;
  return Value(Strip(text, side, characters));
}

// startswith and endswith: of one text, or of any of a tuple.
absl::StatusOr<Value> HasEnd(const std::string& name, const Text& text, const Value& end) {
  const auto has = [&](const Text& wanted) {
    return name == "startswith" ? absl::StartsWith(text.bytes(), wanted.bytes())
                                : absl::EndsWith(text.bytes(), wanted.bytes());
  };
  if (end.text() != nullptr) return Value(has(*end.text()));
  if (end.sequence() == nullptr || end.sequence()->kind != Sequence::Kind::kTuple) {
    return TypeError(absl::StrCat(name, " of a ", end.TypeName()));
  }
  for (const Value& wanted : end.sequence()->items) {
    if (wanted.text() == nullptr) return TypeError(absl::StrCat(name, " of a ", wanted.TypeName()));
    if (has(*wanted.text())) return Value(true);
  }
  return Value(false);
}

// find, index and count.
absl::StatusOr<Value> Search(const std::string& name, const Text& text, const Text& wanted,
                             Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.SpendSearch(text.size(), wanted.size()));
  const absl::string_view bytes = text.bytes();
  if (name == "count") {
    if (wanted.empty()) return Value(static_cast<int64_t>(CountCharacters(bytes)) + 1);
    return Value(static_cast<int64_t>(SplitAt(text, wanted.bytes(), -1).size()) - 1);
  }
  const size_t found = bytes.find(wanted.bytes());
  if (found != absl::string_view::npos) {
    return Value(static_cast<int64_t>(CountCharacters(bytes.substr(0, found))));
  }
  if (name == "index") return TypeError("index of what is not there");
  return Value(int64_t{-1});
}

absl::StatusOr<Value> IsAll(const Text& text, bool (*is)(unsigned char)) {
  const std::string& bytes = text.bytes();
  if (!std::all_of(bytes.begin(), bytes.end(), absl::ascii_isascii)) {
    return absl::UnimplementedError("classes of letters beyond ASCII");
  }
  return Value(!bytes.empty() && std::all_of(bytes.begin(), bytes.end(), is));
}

absl::StatusOr<Value> TextMethod(const std::string& name, const Text& text,
                                 const Arguments& arguments, Budget& budget) {
  if (text.is_safe()) {
    return absl::UnimplementedError("a method of a text that went through the filter safe");
  }
  STEER_RETURN_IF_ERROR(budget.SpendBytes(text.size()));
  if (name == "split") return Split(text, arguments, budget);
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    return Stripped(name, text, arguments, budget);
  }
  if (name == "startswith" || name == "endswith") return HasEnd(name, text, *arguments[0]);
  if (name == "isdigit") return IsAll(text, absl::ascii_isdigit);
  if (name == "isspace") return IsAll(text, absl::ascii_isspace);
  if (name == "splitlines") return ListOf(SplitLines(text), budget);
  if (name == "find" || name == "index" || name == "count") {
    STEER_ASSIGN_OR_RETURN(const Text* const wanted, TextArgument(arguments, 0));
    return Search(name, text, *wanted, budget);
  }
  if (name == "replace") {
    STEER_ASSIGN_OR_RETURN(const Text* const old, TextArgument(arguments, 0));
    STEER_ASSIGN_OR_RETURN(const Text* const by, TextArgument(arguments, 1));
    STEER_ASSIGN_OR_RETURN(const int64_t limit, WholeArgument(arguments, 2, -1));
    STEER_ASSIGN_OR_RETURN(Text replaced, Replace(text, *old, *by, limit, budget));
    return Value(std::move(replaced));
  }
  if (name == "join") {
    STEER_ASSIGN_OR_RETURN(const Values items, Items(*arguments[0], budget));
    const bool all_text = std::all_of(items.begin(), items.end(),
                                      [](const Value& item) { return item.text() != nullptr; });
    if (!all_text) return TypeError("join of what is no str");
    STEER_ASSIGN_OR_RETURN(Text joined, Join(items, text, budget));
    return Value(std::move(joined));
  }
  const Case letter_case = name == "upper"   ? Case::kUpper
                           : name == "lower" ? Case::kLower
                           : name == "title" ? Case::kTitle
                                             : Case::kCapitalize;
  STEER_ASSIGN_OR_RETURN(Text changed, WithCase(text, letter_case));
  return Value(std::move(changed));
}

absl::StatusOr<Value> DictMethod(const std::string& name, const Value& subject,
                                 const Arguments& arguments, Budget& budget) {
  const Dict& dict = *subject.dict();
  if (name == "get") {
    STEER_ASSIGN_OR_RETURN(const bool has, Contains(subject, *arguments[0], budget));
    if (!has) return arguments[1].value_or(Value(None{}));
    for (const auto& [key, value] : dict.entries) {
      STEER_ASSIGN_OR_RETURN(const bool equal, Equal(key, *arguments[0], budget));
      if (equal) return value;
    }
  }
  Values items;
  for (const auto& [key, value] : dict.entries) {
    STEER_RETURN_IF_ERROR(budget.Spend(1));
    if (name == "items") {
      STEER_ASSIGN_OR_RETURN(Value pair, MakeSequence(Sequence::Kind::kTuple, {key, value}));
      items.push_back(std::move(pair));
    } else {
      items.push_back(name == "keys" ? key : value);
    }
  }
  return MakeSequence(Sequence::Kind::kView, std::move(items));
}

absl::StatusOr<Value> SequenceMethod(const std::string& name, const Value& subject,
                                     const Arguments& arguments, Budget& budget) {
  const Values& items = subject.sequence()->items;
  int64_t count = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(const bool equal, Equal(items[i], *arguments[0], budget));
    if (equal && name == "index") return Value(static_cast<int64_t>(i));
    count += equal ? 1 : 0;
  }
  if (name == "index") return TypeError("index of what is not there");
  return Value(count);
}

}  // namespace

absl::StatusOr<Value> CallMethod(const std::string& name, const Value& subject,
                                 const Arguments& arguments, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.Spend(1));
  if (subject.is_undefined()) return IsMissing(subject);
  if (subject.loop() != nullptr && name == "cycle") {
    if (arguments.empty()) return TypeError("cycle without values");
    return *arguments[static_cast<size_t>(subject.loop()->index0) % arguments.size()];
  }
  if (subject.text() != nullptr && (TextHas(name) || name == "index")) {
    return TextMethod(name, *subject.text(), arguments, budget);
  }
  const bool of_dict = name == "get" || name == "items" || name == "keys" || name == "values";
  if (subject.dict() != nullptr && of_dict) return DictMethod(name, subject, arguments, budget);
  const Sequence* const sequence = subject.sequence();
  if (sequence != nullptr && sequence->kind <= Sequence::Kind::kRange &&
      (name == "index" || name == "count")) {
    return SequenceMethod(name, subject, arguments, budget);
  }
  if (ChangesItsObject(name)) return TypeError(absl::StrCat("templates may not call '", name, "'"));
  return NoSuchMethod(name, subject);
}

}  // namespace steer::jinja
