#include "core/learn/dataset.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/pair_columns.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/learn/csv.h"
#include "core/tokenizer/utf8.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

using Json = nlohmann::json;
using Record = std::map<std::string, Json>;  // a row by column

std::string RowName(size_t index) { return absl::StrCat("row ", index + 1); }

absl::StatusOr<std::vector<Record>> ReadJsonLines(absl::string_view file) {
  std::vector<Record> records;
  for (const absl::string_view line : absl::StrSplit(file, '\n')) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const Json json = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    if (!json.is_object())
      return InvalidField(RowName(records.size()), Quoted(line), "a JSON object on one line");
    records.push_back(json.get<Record>());
  }
  return records;
}

absl::StatusOr<std::vector<Record>> ReadCsv(absl::string_view file) {
  STEER_ASSIGN_OR_RETURN(const std::vector<std::vector<std::string>> lines, ParseCsv(file));
  std::vector<Record> records;
  for (size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].size() != lines[0].size()) {
      return InvalidField(RowName(i - 1), absl::StrCat(lines[i].size(), " fields"),
                          absl::StrCat(lines[0].size(), ", as the header has"));
    }
    Record& record = records.emplace_back();
    for (size_t column = 0; column < lines[0].size(); ++column)
      record.emplace(lines[0][column], lines[i][column]);
  }
  return records;
}

// The columns of a row, as they are spelt in it.
struct Columns {
  std::string question, positive, negative, negative_question;
  bool choice = false;  // A or B, as `positive` says
};

std::string FirstKnown(const Record& record, const std::string& given,
                       std::initializer_list<const char*> known) {
  if (!given.empty()) return given;
  for (const char* name : known) {
    if (record.contains(name)) return name;
  }
  return "";
}

absl::StatusOr<Columns> FindColumns(const Record& record, const DatasetReading& reading,
                                    const std::string& row) {
  Columns columns;
  columns.question = FirstKnown(record, reading.question, kQuestionColumns);
  columns.positive = FirstKnown(record, reading.positive, kPositiveColumns);
  columns.negative = FirstKnown(record, reading.negative, kNegativeColumns);
  columns.negative_question =
      FirstKnown(record, reading.negative_question, kNegativeQuestionColumns);
  columns.choice = columns.negative.empty() && columns.positive == "matching" &&
                   record.contains("A") && record.contains("B");
  if (!columns.question.empty() && !(columns.positive.empty() && columns.negative.empty()))
    return columns;
  const auto names = [](std::string* out, const Record::value_type& member) {
    out->append(Quoted(member.first));
  };
  return InvalidField(row, absl::StrCat("columns ", absl::StrJoin(record, ", ", names)),
                      "question or input, and answers such as positive and negative; or columns "
                      "that are named in the call");
}

absl::StatusOr<std::optional<std::string>> Take(Record& record, const std::string& column,
                                                const std::string& row) {
  const auto it = record.find(column);
  if (column.empty() || it == record.end() || it->second.is_null())
    return std::optional<std::string>();
  if (!it->second.is_string())
    return InvalidField(absl::StrCat(row, ", ", column), it->second.type_name(), "text");
  std::string text = it->second.get<std::string>();
  record.erase(it);
  return std::optional<std::string>(std::move(text));
}

// Which of A and B is the positive answer, and which is not.
absl::Status Choose(Record& record, const std::string& row, DatasetRow& chosen) {
  const std::string letter(absl::StripAsciiWhitespace(chosen.positive.value_or("")));
  if (letter != "A" && letter != "B")
    return InvalidField(absl::StrCat(row, ", matching"), Quoted(letter), "A or B");
  STEER_ASSIGN_OR_RETURN(chosen.positive, Take(record, letter, row));
  STEER_ASSIGN_OR_RETURN(chosen.negative, Take(record, letter == "A" ? "B" : "A", row));
  return absl::OkStatus();
}

absl::StatusOr<DatasetRow> ToRow(Record record, const DatasetReading& reading,
                                 const std::string& name) {
  STEER_ASSIGN_OR_RETURN(const Columns columns, FindColumns(record, reading, name));
  DatasetRow row;
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> question,
                         Take(record, columns.question, name));
  if (!question || question->empty())
    return InvalidField(absl::StrCat(name, ", ", columns.question), "nothing", "a question");
  row.question = *question;
  STEER_ASSIGN_OR_RETURN(row.negative_question, Take(record, columns.negative_question, name));
  STEER_ASSIGN_OR_RETURN(row.positive, Take(record, columns.positive, name));
  STEER_ASSIGN_OR_RETURN(row.negative, Take(record, columns.negative, name));
  if (columns.choice) STEER_RETURN_IF_ERROR(Choose(record, name, row));
  for (std::optional<std::string>* answer : {&row.positive, &row.negative}) {
    if (*answer && reading.trim) *answer = std::string(absl::StripAsciiWhitespace(**answer));
    if (*answer && (*answer)->empty()) answer->reset();
  }
  if (!row.positive && !row.negative) return InvalidField(name, "no answer", "at least one");
  for (const auto& [column, value] : record) {
    if (value.is_null()) continue;
    row.labels.emplace(column, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return row;
}

}  // namespace

absl::StatusOr<std::vector<DatasetRow>> ParseDataset(absl::string_view file,
                                                     const DatasetReading& reading) {
  if (const std::optional<size_t> bad = FirstInvalidUtf8(file)) {
    return InvalidField("file", absl::StrCat("no UTF-8 at byte ", *bad), "UTF-8");
  }
  STEER_ASSIGN_OR_RETURN(std::vector<Record> records, reading.format == DatasetFormat::kCsv
                                                          ? ReadCsv(file)
                                                          : ReadJsonLines(file));
  if (records.empty() || records.size() > kMostDatasetRows) {
    return InvalidField("file", absl::StrCat(records.size(), " rows"),
                        absl::StrCat("1 to ", kMostDatasetRows));
  }
  std::vector<DatasetRow> rows;
  rows.reserve(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(rows.emplace_back(), ToRow(std::move(records[i]), reading, RowName(i)));
  }
  return rows;
}

std::string ToText(const std::vector<DatasetRow>& rows) {
  std::string text;
  for (const DatasetRow& row : rows) {
    Json json = {{"question", row.question}, {"labels", row.labels}};
    if (row.negative_question) json["negative_question"] = *row.negative_question;
    if (row.positive) json["positive"] = *row.positive;
    if (row.negative) json["negative"] = *row.negative;
    absl::StrAppend(&text, json.dump(), "\n");
  }
  return text;
}

absl::StatusOr<std::vector<DatasetRow>> FromText(absl::string_view text) {
  std::vector<DatasetRow> rows;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const Json json = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    const auto text_or_absent = [&json](const char* key) {
      return !json.contains(key) || json[key].is_string();
    };
    const auto text_of = [&json](const char* key) {
      return json.contains(key) ? std::optional(json[key].get<std::string>()) : std::nullopt;
    };
    if (!json.is_object() || !json.contains("question") || !json["question"].is_string() ||
        !text_or_absent("negative_question") || !text_or_absent("positive") ||
        !text_or_absent("negative") || !json.contains("labels") || !json["labels"].is_object() ||
        !std::all_of(json["labels"].begin(), json["labels"].end(),
                     [](const Json& value) { return value.is_string(); })) {
      return absl::DataLossError(absl::StrCat("row ", rows.size() + 1, " is damaged"));
    }
    rows.push_back({.question = json["question"].get<std::string>(),
                    .positive = text_of("positive"),
                    .negative = text_of("negative"),
                    .labels = json["labels"].get<std::map<std::string, std::string>>(),
                    .negative_question = text_of("negative_question")});
  }
  return rows;
}

absl::StatusOr<std::vector<DatasetRow>> Select(std::vector<DatasetRow> rows,
                                               const DatasetSelection& selection) {
  const auto differs = [&selection](const DatasetRow& row) {
    return std::any_of(selection.where.begin(), selection.where.end(), [&row](const auto& wanted) {
      const auto label = row.labels.find(wanted.first);
      return label == row.labels.end() || label->second != wanted.second;
    });
  };
  std::erase_if(rows, differs);
  const auto there = static_cast<int64_t>(rows.size());
  if (there == 0) {
    return InvalidField("where", absl::StrJoin(selection.where, ", ", absl::PairFormatter("=")),
                        "labels and values that some rows have");
  }
  if (selection.first < 0 || selection.first >= there) {
    return InvalidField("first", absl::StrCat(selection.first),
                        absl::StrCat("0..", there - 1, ", of the rows that are meant"));
  }
  const int64_t left = there - selection.first, count = selection.count.value_or(left);
  if (count < 1 || count > left)
    return InvalidField("count", absl::StrCat(count), absl::StrCat("1..", left, " from there on"));
  rows.erase(rows.begin() + selection.first + count, rows.end());
  rows.erase(rows.begin(), rows.begin() + selection.first);
  return rows;
}

absl::StatusOr<std::vector<PolarPair>> ToPairs(std::vector<DatasetRow> rows) {
  std::vector<PolarPair> pairs;
  pairs.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].positive || !rows[i].negative) {
      return InvalidField(RowName(i),
                          rows[i].positive ? "no negative answer" : "no positive answer", "both");
    }
    pairs.push_back({std::move(rows[i].question), *std::move(rows[i].positive),
                     *std::move(rows[i].negative), std::move(rows[i].negative_question)});
  }
  return pairs;
}

}  // namespace steer
