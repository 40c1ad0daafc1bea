#include "server/probe_collector.h"

#include <functional>
#include <optional>
#include <string>

namespace steer {
namespace {

// nullopt: no series for this probe set.
using Value = std::function<std::optional<double>(const ProbeState&)>;

prometheus::MetricFamily FamilyOf(const std::vector<ProbeState>& probes, const std::string& name,
                                  const std::string& help, prometheus::MetricType type,
                                  const Value& value) {
  prometheus::MetricFamily family{name, help, type, {}};
  for (const ProbeState& probe : probes) {
    const std::optional<double> number = value(probe);
    if (!number) continue;
    prometheus::ClientMetric metric;
    metric.label.push_back({"signal", probe.signal});
    (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = *number;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

// Of the last run's average effect.
Value Effect(std::function<std::optional<double>(const ProbeEffect&)> value) {
  return [value = std::move(value)](const ProbeState& probe) {
    return probe.last ? value(EffectOf(*probe.last)) : std::nullopt;
  };
}

}  // namespace

std::vector<prometheus::MetricFamily> ToFamilies(const std::vector<ProbeState>& probes,
                                                 double seconds) {
  const auto gauge = [&probes](const char* name, const char* help, const Value& value) {
    return FamilyOf(probes, name, help, prometheus::MetricType::Gauge, value);
  };
  const auto counter = [&probes](const char* name, const char* help, const Value& value) {
    return FamilyOf(probes, name, help, prometheus::MetricType::Counter, value);
  };
  prometheus::ClientMetric busy;
  busy.counter.value = seconds;
  return {
      gauge("steer_probe_preference_log_odds",
            "Preference of the multipliers in use, weighted by their uses, in nats per token",
            Effect([](const ProbeEffect& effect) { return effect.preference; })),
      gauge("steer_probe_utility_log_odds",
            "Utility of the multipliers in use, weighted by their uses, in nats per token",
            Effect([](const ProbeEffect& effect) { return effect.utility; })),
      gauge("steer_probe_preference_gain_nats", "The same preference less the plain model's",
            Effect([](const ProbeEffect& effect) { return effect.preference_gain; })),
      gauge("steer_probe_utility_loss_nats", "The plain model's utility less the same utility",
            Effect([](const ProbeEffect& effect) { return effect.utility_loss; })),
      gauge("steer_probe_multiplier", "The multiplier in use, weighted by uses",
            Effect([](const ProbeEffect& effect) { return effect.multiplier; })),
      gauge("steer_probe_preference_drift_nats",
            "Change of the preference gain since the probe set's first run",
            [](const ProbeState& probe) { return DriftOf(probe).preference; }),
      gauge("steer_probe_utility_drift_nats",
            "Change of the utility since the probe set's first run, less the plain model's; below "
            "0 the signal costs more than it did",
            [](const ProbeState& probe) { return DriftOf(probe).utility; }),
      gauge("steer_probe_last_run_timestamp_seconds", "When the signal was probed last",
            [](const ProbeState& probe) -> std::optional<double> {
              if (!probe.last) return std::nullopt;
              return static_cast<double>(probe.last->measured_unix_ms) / 1000;
            }),
      counter("steer_probe_runs_total", "Probes that were measured",
              [](const ProbeState& probe) { return static_cast<double>(probe.runs); }),
      counter("steer_probe_failures_total", "Probes that failed",
              [](const ProbeState& probe) { return static_cast<double>(probe.failures); }),
      {"steer_probe_seconds_total",
       "Time that probes took",
       prometheus::MetricType::Counter,
       {busy}}};
}

}  // namespace steer
