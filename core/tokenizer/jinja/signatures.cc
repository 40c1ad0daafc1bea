#include "core/tokenizer/jinja/signatures.h"

#include <algorithm>
#include <iterator>

namespace steer::jinja {
namespace {

using Table = std::vector<Signature>;

const Table& Filters() {
  static const Table* const table = new Table{
      {"abs", {}},
      {"capitalize", {}},
      {"count", {}},
      {"d", {"default_value", "boolean"}},
      {"default", {"default_value", "boolean"}},
      {"dictsort", {}},
      {"first", {}},
      {"float", {"default"}},
      {"indent", {"width", "first", "blank"}},
      {"int", {"default"}},
      {"items", {}},
      {"join", {"d", "attribute"}},
      {"last", {}},
      {"length", {}},
      {"list", {}},
      {"lower", {}},
      {"map", {"attribute", "default"}, 0, true, true},
      {"reject", {}, 0, true},
      {"rejectattr", {"attribute"}, 1, true},
      {"replace", {"old", "new", "count"}, 2},
      {"reverse", {}},
      {"safe", {}},
      {"select", {}, 0, true},
      {"selectattr", {"attribute"}, 1, true},
      {"string", {}},
      {"title", {}},
      {"tojson", {"ensure_ascii", "indent", "separators", "sort_keys"}},
      {"trim", {"chars"}},
      {"upper", {}},
  };
  return *table;
}

const Table& Tests() {
  static const Table* const table = new Table{
      {"!=", {"other"}, 1},
      {"<", {"other"}, 1},
      {"<=", {"other"}, 1},
      {"==", {"other"}, 1},
      {">", {"other"}, 1},
      {">=", {"other"}, 1},
      {"boolean", {}},
      {"callable", {}},
      {"defined", {}},
      {"divisibleby", {"num"}, 1},
      {"eq", {"other"}, 1},
      {"equalto", {"other"}, 1},
      {"even", {}},
      {"false", {}},
      {"float", {}},
      {"ge", {"other"}, 1},
      {"greaterthan", {"other"}, 1},
      {"gt", {"other"}, 1},
      {"in", {"seq"}, 1},
      {"integer", {}},
      {"iterable", {}},
      {"le", {"other"}, 1},
      {"lessthan", {"other"}, 1},
      {"lt", {"other"}, 1},
      {"mapping", {}},
      {"ne", {"other"}, 1},
      {"none", {}},
      {"number", {}},
      {"odd", {}},
      {"sequence", {}},
      {"string", {}},
      {"true", {}},
      {"undefined", {}},
  };
  return *table;
}

const Table& TextMethods() {
  static const Table* const table = new Table{
      {"capitalize", {}},
      {"count", {"sub"}, 1},
      {"endswith", {"suffix"}, 1},
      {"find", {"sub"}, 1},
      {"isdigit", {}},
      {"isspace", {}},
      {"join", {"iterable"}, 1},
      {"lower", {}},
      {"lstrip", {"chars"}},
      {"replace", {"old", "new", "count"}, 2},
      {"rstrip", {"chars"}},
      {"split", {"sep", "maxsplit"}},
      {"splitlines", {}},
      {"startswith", {"prefix"}, 1},
      {"strip", {"chars"}},
      {"title", {}},
      {"upper", {}},
  };
  return *table;
}

const Table& DictMethods() {
  static const Table* const table =
      new Table{{"get", {"key", "default"}, 1}, {"items", {}}, {"keys", {}}, {"values", {}}};
  return *table;
}

const Table& OtherMethods() {
  static const Table* const table = new Table{{"cycle", {}, 0, true}, {"index", {"value"}, 1}};
  return *table;
}

const Table& Functions() {
  static const Table* const table = new Table{{"dict", {}},
                                              {"namespace", {}},
                                              {"raise_exception", {"message"}, 1},
                                              {"range", {"start", "stop", "step"}, 1},
                                              {"strftime_now", {"format"}, 1}};
  return *table;
}

// Taken with whatever arguments, since calling them always fails.
constexpr absl::string_view kChanging[] = {"add",        "append", "clear",   "discard", "extend",
                                           "insert",     "pop",    "popitem", "remove",  "reverse",
                                           "setdefault", "sort",   "update"};

const Signature* Find(const Table& table, absl::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Signature& signature) {
    return signature.name == name;
  });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace

const Signature* FindFilter(absl::string_view name) { return Find(Filters(), name); }
const Signature* FindTest(absl::string_view name) { return Find(Tests(), name); }
const Signature* FindFunction(absl::string_view name) { return Find(Functions(), name); }

const Signature* FindMethod(absl::string_view name) {
  static const Signature* const changing = new Signature{"", {}, 0, true};
  for (const Table* table : {&TextMethods(), &DictMethods(), &OtherMethods()}) {
    if (const Signature* const found = Find(*table, name)) return found;
  }
  return ChangesItsObject(name) ? changing : nullptr;
}

bool ChangesItsObject(absl::string_view method) {
  return std::find(std::begin(kChanging), std::end(kChanging), method) != std::end(kChanging);
}

bool TextHas(absl::string_view method) { return Find(TextMethods(), method) != nullptr; }

bool DictHas(absl::string_view method) {
  return Find(DictMethods(), method) != nullptr ||
         (ChangesItsObject(method) && method != "append" && method != "extend" &&
          method != "insert" && method != "remove" && method != "reverse" && method != "sort" &&
          method != "add" && method != "discard");
}

}  // namespace steer::jinja
