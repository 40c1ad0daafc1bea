#pragma once

namespace steer {

// When a unit may run beside interactive requests: after a unit of t seconds only when steps have
// had t (1 - share) / share, so that units have no more than `share` of the time, but for the last
// one. What steps had before a unit is no credit: units never come in a row. Pure; not thread-safe.
class UnitShare {
 public:
  // 0 .. 1, both excluded.
  explicit UnitShare(double share) : seconds_per_second_((1 - share) / share) {}

  bool MayRun(bool beside_interactive) const { return !beside_interactive || debt_ <= 0; }
  void UnitRan(double seconds) { debt_ = seconds * seconds_per_second_; }
  void StepRan(double seconds) { debt_ -= seconds; }

 private:
  double seconds_per_second_;  // of steps, for one of units
  double debt_ = 0;            // seconds of steps still to come before the next unit
};

}  // namespace steer
