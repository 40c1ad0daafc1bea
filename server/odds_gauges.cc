#include "server/odds_gauges.h"

namespace steer {

const char* OddsLevel(double x) {
  if (x <= -2) return "<=-2";
  if (x <= -0.5) return "-2..-0.5";
  if (x < 0) return "-0.5..0";
  if (x == 0) return "0";
  if (x <= 0.5) return "0..0.5";
  if (x <= 1) return "0.5..1";
  if (x <= 2) return "1..2";
  return ">2";
}

double RelativeMultiplier(double multiplier, double default_multiplier) {
  return default_multiplier == 0 ? multiplier : multiplier / default_multiplier;
}

OddsGauges::OddsGauges(prometheus::Registry& registry)
    : preference_(prometheus::BuildGauge()
                      .Name("steer_preference_log_odds")
                      .Help("Preference log-odds of a signal's last score, mean over pairs, by "
                            "multiplier relative to the signal's default")
                      .Register(registry)),
      utility_(prometheus::BuildGauge()
                   .Name("steer_utility_log_odds")
                   .Help("Utility log-odds of a signal's last score, mean over the pairs where it "
                         "is defined, by multiplier relative to the signal's default")
                   .Register(registry)) {}

void OddsGauges::Set(const Sample& sample) {
  const MutexLock lock(mutex_);
  Signal& signal = signals_[sample.label];
  if (signal.id != sample.signal_id && sample.label != "other") Drop(signal);
  signal.id = sample.signal_id;
  const char* const level = OddsLevel(sample.x);
  SetOne(sample.label, {"mean", level}, sample.mean);
  SetOne(sample.label, {"sum", level}, sample.sum);
}

void OddsGauges::Forget(const std::string& label) {
  const MutexLock lock(mutex_);
  const auto found = signals_.find(label);
  if (found == signals_.end()) return;
  Drop(found->second);
  signals_.erase(found);
}

void OddsGauges::SetOne(const std::string& label, const Place& place, const OddsSummary& odds) {
  Series& series = signals_[label].series[place];
  const prometheus::Labels labels = {
      {"signal", label}, {"mode", place.first}, {"source", "score"}, {"level", place.second}};
  if (series.preference == nullptr) series.preference = &preference_.Add(labels);
  series.preference->Set(odds.preference);
  if (odds.utility) {
    if (series.utility == nullptr) series.utility = &utility_.Add(labels);
    series.utility->Set(*odds.utility);
  } else if (series.utility != nullptr) {
    utility_.Remove(series.utility);
    series.utility = nullptr;
  }
}

void OddsGauges::Drop(Signal& signal) {
  for (auto& [place, series] : signal.series) {
    preference_.Remove(series.preference);
    if (series.utility != nullptr) utility_.Remove(series.utility);
  }
  signal.series.clear();
}

}  // namespace steer
