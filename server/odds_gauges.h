#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/analysis/odds.h"
#include "core/base/mutex.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"

namespace steer {

// Eight buckets of x = multiplier in use / the signal's default multiplier, so that a dashboard can
// show a dose curve without one series per multiplier: "<=-2", "-2..-0.5", "-0.5..0", "0",
// "0..0.5", "0.5..1", "1..2", ">2". Exactly 0 has its own; the others are open below and closed
// above.
const char* OddsLevel(double x);

// x for OddsLevel. A signal whose default is 0 has no unit of its own; its x is the multiplier.
double RelativeMultiplier(double multiplier, double default_multiplier);

// steer_preference_log_odds and steer_utility_log_odds {signal, mode, source, level}: what the last
// Score said of a signal at each level. Thread-safe.
class OddsGauges {
 public:
  explicit OddsGauges(prometheus::Registry& registry);

  struct Sample {
    std::string label;      // of SignalLabels
    std::string signal_id;  // the version that was scored
    double x = 0;
    OddsSummary mean;
    OddsSummary sum;
  };
  // A utility that is undefined takes its series away rather than leaving an old number. If the
  // label names another version than before, what was said of the old one goes.
  void Set(const Sample& sample);
  void Forget(const std::string& label);

 private:
  struct Series {
    prometheus::Gauge* preference = nullptr;
    prometheus::Gauge* utility = nullptr;
  };
  using Place = std::pair<std::string, std::string>;  // mode, level
  struct Signal {
    std::string id;
    std::map<Place, Series> series;
  };

  void SetOne(const std::string& label, const Place& place, const OddsSummary& odds)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(Signal& signal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  prometheus::Family<prometheus::Gauge>& preference_;
  prometheus::Family<prometheus::Gauge>& utility_;
  Mutex mutex_;
  std::map<std::string, Signal> signals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer
