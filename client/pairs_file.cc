#include "client/pairs_file.h"

#include <array>
#include <fstream>
#include <initializer_list>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

absl::StatusOr<v1::PolarPair> ParsePair(const std::string& line) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return absl::InvalidArgumentError("not valid JSON");
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("got JSON ", object.type_name(), ", allowed: an object"));
  }
  v1::PolarPair pair;
  STEER_ASSIGN_OR_RETURN(*pair.mutable_question(),
                         Text(object, {"question"}, /*may_be_empty=*/true));
  STEER_ASSIGN_OR_RETURN(*pair.mutable_positive(),
                         Text(object, {"positive", "matching", "answer_matching_behavior"},
                              /*may_be_empty=*/false));
  STEER_ASSIGN_OR_RETURN(*pair.mutable_negative(),
                         Text(object, {"negative", "not_matching", "answer_not_matching_behavior"},
                              /*may_be_empty=*/false));
  return pair;
}

}  // namespace

absl::StatusOr<std::vector<v1::PolarPair>> ParsePairs(std::istream& lines, absl::string_view name) {
  std::vector<v1::PolarPair> pairs;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    absl::StatusOr<v1::PolarPair> pair = ParsePair(line);
    if (!pair.ok()) return Annotate(pair.status(), absl::StrCat(name, " line ", number));
    pairs.push_back(*std::move(pair));
  }
  if (lines.bad()) return absl::DataLossError(absl::StrCat(name, ": reading failed"));
  if (pairs.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name,
                     ": no pairs in it; allowed: JSON lines such as "
                     R"({"question": "…", "positive": "…", "negative": "…"})"));
  }
  return pairs;
}

absl::StatusOr<std::vector<v1::PolarPair>> ReadPairs(const std::string& path) {
  if (path == "-") return ParsePairs(std::cin, "standard input");
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  return ParsePairs(file, path);
}

}  // namespace steer
