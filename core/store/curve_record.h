#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/signal/positions.h"

namespace steer {

// The losses of one pair at one multiplier, in nats: sums and means over the tokens of the answers.
struct CurveLosses {
  double positive_sum = 0;
  double negative_sum = 0;
  double positive_mean = 0;
  double negative_mean = 0;
  bool operator==(const CurveLosses&) const = default;
};

// The second signal of two that were measured together: every one of its multipliers with every one
// of the first's.
struct SecondAxis {
  std::string signal_id;
  PositionRule positions;
  std::vector<double> multipliers;  // ascending
  bool operator==(const SecondAxis&) const = default;
};

// A measured dose curve of one signal, or of two together: what it holds for, and the losses from
// which preference, utility, their intervals and fits are computed anew.
struct CurveRecord {
  std::string id;  // CurveId, 64 hex digits; the store sets it
  std::string signal_id;
  PositionRule positions;
  std::string model_fingerprint;
  std::string pairs_sha256;
  std::string system;  // any bytes
  bool end_of_turn = false;
  bool raw = false;
  bool both_spellings = false;
  int64_t created_unix_ms = 0;      // the store sets it
  std::vector<double> multipliers;  // ascending
  int pairs = 0;
  std::optional<SecondAxis> second;
  std::vector<CurveLosses> losses;  // [multipliers][second->multipliers][pairs]

  // How many points were measured.
  size_t points() const {
    return multipliers.size() * (second ? second->multipliers.size() : size_t{1});
  }
  bool operator==(const CurveRecord&) const = default;
};

// The most entries in `losses`: 32 MB. SQLite would take thirty times as much in one value, but it
// writes a value twice, first to its log, and the store's other calls wait meanwhile: about half a
// second at this size.
inline constexpr int64_t kMaxCurveLosses = 1'000'000;

// SHA-256 of the canonical form of everything but the id and the time.
std::string CurveId(const CurveRecord& curve);

// INVALID_ARGUMENT unless there is a multiplier (on both axes, where there are two) and a pair,
// losses for all of them within kMaxCurveLosses, every number is finite and the multipliers ascend.
absl::Status ValidateCurve(const CurveRecord& curve);

// DATA_LOSS: the curve stored as `id` is none. `what` goes on from "whose".
absl::Status CurveDamaged(absl::string_view id, absl::string_view what);

}  // namespace steer
