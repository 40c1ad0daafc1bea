#include "client/steerctl/completed_rows.h"

#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/pair_columns.h"
#include "core/base/status.h"

namespace steer {
namespace {

using Json = nlohmann::ordered_json;

// The first of `names` that the row has; "" if none.
std::string Column(const Json& row, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (row.contains(name) && !row[name].is_null()) return name;
  }
  return "";
}

std::string PositiveOf(const Json& row) { return Column(row, kPositiveColumns); }

absl::Status CheckColumn(const Json& row, const std::string& column, const char* known) {
  if (column.empty()) return InvalidField(known, "nothing", "some text");
  if (!row[column].is_string()) return InvalidField(column, row[column].type_name(), "a string");
  return absl::OkStatus();
}

// As it is up to the end of the last of so many words.
std::string FirstWords(const std::string& text, int words) {
  size_t end = 0;
  for (int word = 0; word < words && end < text.size(); ++word) {
    while (end < text.size() && absl::ascii_isspace(static_cast<unsigned char>(text[end]))) ++end;
    while (end < text.size() && !absl::ascii_isspace(static_cast<unsigned char>(text[end]))) ++end;
  }
  return text.substr(0, end);
}

}  // namespace

absl::StatusOr<OpenRows> ReadOpenRows(std::istream& lines, absl::string_view name) {
  OpenRows rows;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const std::string where = absl::StrCat(name, " line ", number);
    Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object()) return Annotate(absl::InvalidArgumentError("not a JSON object"), where);
    if (Column(row, kNegativeColumns).empty()) {
      const std::string question = Column(row, kQuestionColumns);
      for (const absl::Status& status : {CheckColumn(row, question, "question"),
                                         CheckColumn(row, PositiveOf(row), "positive")}) {
        if (!status.ok()) return Annotate(status, where);
      }
      rows.open.push_back(rows.rows.size());
      rows.questions.push_back(row[question].get<std::string>());
    }
    rows.rows.push_back(std::move(row));
  }
  if (!rows.rows.empty()) return rows;
  return absl::InvalidArgumentError(absl::StrCat(name, ": no rows in it"));
}

std::string Complete(const OpenRows& rows, const std::vector<std::string>& answers, int words,
                     int& left_out) {
  left_out = 0;
  std::vector<Json> completed(rows.rows.begin(), rows.rows.end());
  for (size_t i = 0; i < rows.open.size(); ++i) {
    Json& row = completed[rows.open[i]];
    const std::string column = PositiveOf(row);
    std::string positive = row[column].get<std::string>(), negative = answers[i];
    if (words > 0) {
      positive = FirstWords(positive, words);
      negative = FirstWords(negative, words);
    }
    if (absl::StripAsciiWhitespace(negative).empty() || negative == positive) {
      row = Json();
      ++left_out;
      continue;
    }
    row[column] = std::move(positive);
    row["negative"] = std::move(negative);
  }
  std::string text;
  for (const Json& row : completed) {
    if (!row.is_null()) absl::StrAppend(&text, row.dump(), "\n");
  }
  return text;
}

}  // namespace steer
