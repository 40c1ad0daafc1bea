#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace steer {

// Rows of a data set, one JSON object a line, some of which have no negative answer; see
// UploadDatasetHeader for the columns' known names.
struct OpenRows {
  std::vector<nlohmann::ordered_json> rows;
  std::vector<size_t> open;            // the rows without a negative answer
  std::vector<std::string> questions;  // theirs
};

// INVALID_ARGUMENT names the line: no JSON object, no question or positive answer, not text.
absl::StatusOr<OpenRows> ReadOpenRows(std::istream& lines, absl::string_view name);

// The rows with `answers` to the open questions as their negative answers. With `words` above 0
// both answers of these rows end after so many words. Rows whose answer is empty, or equal to the
// positive one, are left out and counted in `left_out`.
std::string Complete(const OpenRows& rows, const std::vector<std::string>& answers, int words,
                     int& left_out);

}  // namespace steer
