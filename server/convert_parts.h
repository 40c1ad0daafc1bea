#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "google/protobuf/repeated_field.h"
#include "server/convert.h"

// What the conversions of several analysis requests have in common: the inside of convert.

namespace steer {

inline constexpr int kMaxPairs = 10000;
inline constexpr int kMaxMultipliers = 1000;
inline constexpr int kMaxControlSets = 64;

// `or_else` ends the list of what is allowed, such as ", or 0 for 25".
absl::Status CheckRange(const std::string& field, int64_t value, int64_t least, int64_t most,
                        const std::string& or_else);

absl::StatusOr<std::vector<double>> ToMultipliers(
    const std::string& field, const google::protobuf::RepeatedField<double>& values, int least);

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

}  // namespace steer
