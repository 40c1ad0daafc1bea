#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "google/protobuf/map.h"
#include "google/protobuf/repeated_field.h"
#include "server/convert.h"

// What the conversions of several analysis requests have in common: the inside of convert.

namespace steer {

inline constexpr int kMaxPairs = 10000;
inline constexpr int kMaxMultipliers = 1000;
inline constexpr int kMaxControlSets = 64;
inline constexpr int kMaxQuestions = 1000;
inline constexpr int kDefaultTextTokens = 64;  // of a text that is generated to be measured

// `or_else` ends the list of what is allowed, such as ", or 0 for 25".
absl::Status CheckRange(const std::string& field, int64_t value, int64_t least, int64_t most,
                        const std::string& or_else);

absl::StatusOr<std::vector<double>> ToMultipliers(
    const std::string& field, const google::protobuf::RepeatedField<double>& values, int least);

PositionRule ToPositionRule(const v1::PositionRule& message);

// Of a file with at most `most` bytes.
absl::StatusOr<FileMark> ToFileMark(int64_t size, int64_t most, const std::string& sha256);

// Text that goes along with a signal.
absl::StatusOr<std::map<std::string, std::string>> ToLabels(
    const std::string& field, const google::protobuf::Map<std::string, std::string>& labels);
absl::Status CheckDescription(const std::string& field, const std::string& description);

// Of a signal that is trained; fields are told below "training".
absl::StatusOr<TrainSpec> ToTrainSpec(const v1::Training& training);

// A control whose multiplier the call varies; fields are told below `path`.
absl::StatusOr<ControlSpec> ToVariedControl(const v1::Control& control, const std::string& path);

// The part that is alike in requests about polar pairs.
template <typename Request>
absl::Status ReadPairSet(const Request& request, PairSetSpec& spec) {
  STEER_ASSIGN_OR_RETURN(spec.pairs, ToPolarPairs(request.pairs()));
  STEER_RETURN_IF_ERROR(CheckUtf8("system", request.system()));
  spec.system = request.system();
  if (request.has_end_of_turn()) spec.end_of_turn = request.end_of_turn();
  spec.raw = request.raw();
  if (request.has_both_spellings()) spec.both_spellings = request.both_spellings();
  return absl::OkStatus();
}

// The part that is alike in requests about questions; fields are told below `path`.
template <typename Message>
absl::Status ReadQuestions(const Message& message, const std::string& path, QuestionSetSpec& spec) {
  STEER_RETURN_IF_ERROR(CheckCount(path + "questions", message.questions_size(), 1, kMaxQuestions));
  for (int i = 0; i < message.questions_size(); ++i) {
    STEER_RETURN_IF_ERROR(
        CheckUtf8(absl::StrCat(path, "questions[", i, "]"), message.questions(i)));
  }
  spec.questions.assign(message.questions().begin(), message.questions().end());
  STEER_RETURN_IF_ERROR(CheckUtf8(path + "system", message.system()));
  spec.system = message.system();
  spec.raw = message.raw();
  return absl::OkStatus();
}

}  // namespace steer
