#include "client/pairs_file.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/pair_columns.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Json = nlohmann::json;

// The text under the first of `keys` that the object has.
absl::StatusOr<std::string> Text(const Json& object, std::initializer_list<const char*> keys,
                                 bool may_be_empty) {
  for (const char* key : keys) {
    const auto found = object.find(key);
    if (found == object.end()) continue;
    if (!found->is_string()) {
      return InvalidField(key, found->type_name(), "a string");
    }
    std::string text = found->get<std::string>();
    if (text.empty() && !may_be_empty) return InvalidField(key, "an empty string", "some text");
    return text;
  }
  return InvalidField(*keys.begin(), "nothing",
                      absl::StrCat("a string under one of: ", absl::StrJoin(keys, ", ")));
}

absl::StatusOr<std::string> QuestionOf(const Json& object) {
  return Text(object, kQuestionColumns, /*may_be_empty=*/true);
}

absl::StatusOr<v1::PolarPair> PairOf(const Json& object) {
  v1::PolarPair pair;
  STEER_ASSIGN_OR_RETURN(*pair.mutable_question(), QuestionOf(object));
  STEER_ASSIGN_OR_RETURN(*pair.mutable_positive(),
                         Text(object, kPositiveColumns, /*may_be_empty=*/false));
  STEER_ASSIGN_OR_RETURN(*pair.mutable_negative(),
                         Text(object, kNegativeColumns, /*may_be_empty=*/false));
  if (std::ranges::any_of(kNegativeQuestionColumns,
                          [&object](const char* name) { return object.contains(name); })) {
    STEER_ASSIGN_OR_RETURN(*pair.mutable_negative_question(),
                           Text(object, kNegativeQuestionColumns, /*may_be_empty=*/true));
  }
  return pair;
}

// What `read` makes of each line's object; `example` is such a line, and `what` its plural.
template <typename T>
absl::StatusOr<std::vector<T>> ParseLines(std::istream& lines, absl::string_view name,
                                          absl::StatusOr<T> (*read)(const Json&),
                                          absl::string_view what, absl::string_view example) {
  std::vector<T> all;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const std::string where = absl::StrCat(name, " line ", number);
    const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (object.is_discarded()) return Annotate(absl::InvalidArgumentError("not valid JSON"), where);
    if (!object.is_object()) {
      return Annotate(absl::InvalidArgumentError(
                          absl::StrCat("got JSON ", object.type_name(), ", allowed: an object")),
                      where);
    }
    absl::StatusOr<T> one = read(object);
    if (!one.ok()) return Annotate(one.status(), where);
    all.push_back(*std::move(one));
  }
  if (lines.bad()) return absl::DataLossError(absl::StrCat(name, ": reading failed"));
  if (!all.empty()) return all;
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": no ", what, " in it; allowed: JSON lines such as ", example));
}

absl::Status CannotOpen(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
}

}  // namespace

absl::StatusOr<std::vector<v1::PolarPair>> ParsePairs(std::istream& lines, absl::string_view name) {
  return ParseLines(lines, name, &PairOf, "pairs",
                    R"({"question": "…", "positive": "…", "negative": "…"})");
}

absl::StatusOr<std::vector<std::string>> ParseQuestions(std::istream& lines,
                                                        absl::string_view name) {
  return ParseLines(lines, name, &QuestionOf, "questions", R"({"question": "…"})");
}

absl::StatusOr<std::vector<v1::PolarPair>> ReadPairs(const std::string& path) {
  if (path == "-") return ParsePairs(std::cin, "standard input");
  std::ifstream file(path);
  return file ? ParsePairs(file, path) : CannotOpen(path);
}

absl::StatusOr<std::vector<std::string>> ReadQuestions(const std::string& path) {
  if (path == "-") return ParseQuestions(std::cin, "standard input");
  std::ifstream file(path);
  return file ? ParseQuestions(file, path) : CannotOpen(path);
}

}  // namespace steer
