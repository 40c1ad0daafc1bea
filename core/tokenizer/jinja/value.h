#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tokenizer/jinja/budget.h"
#include "core/tokenizer/jinja/text.h"

namespace steer::jinja {

struct Macro;
struct Sequence;
struct Dict;
struct Namespace;
struct Loop;
class Value;

// What a name, attribute or item that is not there gives: prints as nothing, is false, and any
// other use of it is an error that says what was missing.
struct Undefined {
  std::string what;  // "'tools'"
};
struct None {};
// A function of the language, by its name.
struct Function {
  std::string name;
};
// A method that is not called, as in `message.items is defined`.
struct Method {
  std::string name;
};

// A value of a template, as Python has them. Cheap to copy; what it refers to never changes, except
// namespaces. Not thread-safe.
class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, int64_t, double, std::shared_ptr<const Text>,
                               std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>,
                               std::shared_ptr<Namespace>, std::shared_ptr<const Loop>,
                               const Macro*, Function, Method>;

  Value() : variant_(Undefined{"a value"}) {}
  template <typename T>
  explicit Value(T value) : variant_(std::move(value)) {}
  explicit Value(Text text) : variant_(std::make_shared<const Text>(std::move(text))) {}
  static Value MissingName(const std::string& name) { return Value(Undefined{"'" + name + "'"}); }

  template <typename T>
  const T* As() const {
    return std::get_if<T>(&variant_);
  }
  template <typename T>
  bool Is() const {
    return std::holds_alternative<T>(variant_);
  }
  // Null if it is something else.
  const Text* text() const { return Pointee<const Text>(); }
  const Sequence* sequence() const { return Pointee<const Sequence>(); }
  const Dict* dict() const { return Pointee<const Dict>(); }
  Namespace* name_space() const { return Pointee<Namespace>(); }
  const Loop* loop() const { return Pointee<const Loop>(); }
  // Whole numbers and truth values, as Python counts with both.
  std::optional<int64_t> integer() const;
  std::optional<double> number() const;
  bool is_undefined() const { return Is<Undefined>(); }
  bool is_none() const { return Is<None>(); }

  const Variant& variant() const { return variant_; }
  // How error messages call it.
  std::string TypeName() const;
  bool Truth() const;
  // Of what holds others: 1 + that of the deepest; else 0.
  int depth() const;
  // It is or holds a namespace.
  bool mutable_inside() const;

 private:
  template <typename T>
  T* Pointee() const {
    const auto* const pointer = As<std::shared_ptr<T>>();
    return pointer == nullptr ? nullptr : pointer->get();
  }

  Variant variant_;
};

using Values = std::vector<Value>;

struct Sequence {
  // A range is a list that prints otherwise; a view is what dict.items() gives; a generator can be
  // gone through once.
  enum class Kind { kList, kTuple, kRange, kView, kGenerator };
  Kind kind = Kind::kList;
  Values items;
  int depth = 1;
  bool mutable_inside = false;
  mutable bool used = false;  // a generator that somebody went through
};

// In the order of insertion, as Python keeps it.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
  int depth = 1;
  bool mutable_inside = false;
  const Value* Find(const std::string& key) const;
};

struct Namespace {
  std::map<std::string, Value> attributes;
};

// The variable `loop`.
struct Loop {
  std::shared_ptr<const Sequence> items;
  int64_t index0 = 0;
};

// Nothing nests deeper: what walks through values calls itself.
inline constexpr int kDeepestValue = 64;
absl::StatusOr<Value> MakeSequence(Sequence::Kind kind, Values items);
// A later entry replaces an earlier one with the same key. Keys are texts, numbers, truth values or
// none.
absl::StatusOr<Value> MakeDict(std::vector<std::pair<Value, Value>> entries, Budget& budget);

absl::StatusOr<bool> Equal(const Value& left, const Value& right, Budget& budget);
// Negative, zero, positive. An error for what Python does not order.
absl::StatusOr<int> Compare(const Value& left, const Value& right, Budget& budget);
// `needle in hay`.
absl::StatusOr<bool> Contains(const Value& hay, const Value& needle, Budget& budget);
// What a loop over the value goes through.
absl::StatusOr<Values> Items(const Value& value, Budget& budget);

absl::Status TypeError(const std::string& message);
absl::Status IsMissing(const Value& undefined);

}  // namespace steer::jinja
