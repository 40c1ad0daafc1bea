#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/analysis/polar_pair.h"

namespace steer {

// A row of a data set: a question and one or both of its answers.
struct DatasetRow {
  std::string question;
  std::optional<std::string> positive, negative;  // at least one
  std::map<std::string, std::string> labels;      // its other columns; what is no text as JSON
  std::optional<std::string> negative_question =
      std::nullopt;  // if the negative answer has its own
  bool operator==(const DatasetRow&) const = default;
};

enum class DatasetFormat : uint8_t { kJsonLines, kCsv };

struct DatasetReading {
  DatasetFormat format = DatasetFormat::kJsonLines;
  // Which columns questions and answers are in; empty ones are looked for by known names.
  std::string question, positive, negative, negative_question;
  bool trim = false;  // takes white space off both ends of answers
};

inline constexpr size_t kMostDatasetRows = 1000000;

// Reads a file: an object per line, or CSV with a header; a row's columns are its own. Known names
// of columns are in core/base/pair_columns.h. INVALID_ARGUMENT
// names the row (from 1) and what is wrong: not UTF-8, no JSON object, no question, no answer, an
// answer that is no text, no rows or too many.
absl::StatusOr<std::vector<DatasetRow>> ParseDataset(absl::string_view file,
                                                     const DatasetReading& reading);

// What is kept: one JSON object per line, its members in a fixed order. Equal rows, equal text.
std::string ToText(const std::vector<DatasetRow>& rows);
// DATA_LOSS for what ToText did not make.
absl::StatusOr<std::vector<DatasetRow>> FromText(absl::string_view text);

// Rows of a data set.
struct DatasetSelection {
  std::string dataset;                       // id or name
  std::map<std::string, std::string> where;  // rows whose labels have these values
  int64_t first = 0;                         // of those rows, counted from 0
  std::optional<int64_t> count;              // nullopt = all behind the first
};

// The rows that `selection` means, in the data set's order. INVALID_ARGUMENT, naming the member,
// where there are none, or fewer than asked for.
absl::StatusOr<std::vector<DatasetRow>> Select(std::vector<DatasetRow> rows,
                                               const DatasetSelection& selection);
// INVALID_ARGUMENT, naming the row, where an answer is missing.
absl::StatusOr<std::vector<PolarPair>> ToPairs(std::vector<DatasetRow> rows);

}  // namespace steer
