#pragma once

#include <string>
#include <vector>

#include "core/store/curve_record.h"

namespace steer {

// A valid curve of a signal over three multipliers and two pairs, whose numbers come from `seed`.
// testdata/curve_id.py has it too.
inline CurveRecord TestCurve(const std::string& signal_id, int seed = 1) {
  CurveRecord curve;
  curve.signal_id = signal_id;
  curve.positions = {
      .prompt = true, .generated = true, .exclude_template_head = false, .user_text_only = true};
  curve.model_fingerprint = "fingerprint";
  curve.pairs_sha256 = std::string(64, 'b');
  curve.system = std::string("s\0\xff", 3);
  curve.end_of_turn = true;
  curve.both_spellings = true;
  curve.multipliers = {-1.5, 0.0, 2.0};
  curve.pairs = 2;
  for (int i = 0; i < 6; ++i) {
    const double value = seed + 0.25 * i;
    curve.losses.push_back({value, value + 0.5, value / 4, value / 8});
  }
  return curve;
}

// The same of two signals, with two multipliers of the second.
inline CurveRecord TestCurveOfTwo(const std::string& signal_id, const std::string& second_id) {
  CurveRecord curve = TestCurve(signal_id);
  curve.second = SecondAxis{.signal_id = second_id,
                            .positions = {.prompt = false,
                                          .generated = true,
                                          .exclude_template_head = true,
                                          .user_text_only = false},
                            .multipliers = {0.0, 0.5}};
  const std::vector<CurveLosses> half = curve.losses;
  curve.losses.insert(curve.losses.end(), half.begin(), half.end());
  return curve;
}

}  // namespace steer
