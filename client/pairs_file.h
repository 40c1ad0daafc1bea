#pragma once

#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// Polar pairs, one JSON object a line; blank lines are skipped. Keys are those of
// core/base/pair_columns.h; others are ignored. INVALID_ARGUMENT as "<name> line 3: …"; also if
// there is no pair at all.
absl::StatusOr<std::vector<v1::PolarPair>> ParsePairs(std::istream& lines, absl::string_view name);

// Only the questions of such lines, which need nothing else.
absl::StatusOr<std::vector<std::string>> ParseQuestions(std::istream& lines,
                                                        absl::string_view name);

// The same from a file, or from standard input for "-". NOT_FOUND if it cannot be opened.
absl::StatusOr<std::vector<v1::PolarPair>> ReadPairs(const std::string& path);
absl::StatusOr<std::vector<std::string>> ReadQuestions(const std::string& path);

}  // namespace steer
