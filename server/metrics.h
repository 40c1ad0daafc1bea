#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/schedule/event.h"
#include "prometheus/counter.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/odds_gauges.h"
#include "server/signal_labels.h"

namespace steer {

// What the server itself counts and times; the engine's own numbers are read at each scrape
// (engine_collector.h). Thread-safe; everything is a few atomic operations.
class Metrics {
 public:
  // `pools`: the devices' names ("cpu:0"), the values of the label on everything that happens in an
  // engine.
  Metrics(const std::vector<std::string>& pools, int max_signal_labels);

  // One completion, as it goes along. Seconds. `pool` is one of the pools.
  void FirstToken(const std::string& pool, double since_call);
  void NextToken(const std::string& pool, double since_last);
  // `labels`: one per control, from signal_labels().
  void Finished(const std::string& pool, const FinishedEvent& event,
                const std::vector<std::string>& labels);

  // Calls. `method` is "steer.v1.GenerationService/Generate"; anything that is not one of our
  // methods counts as "other".
  std::string MethodLabel(const char* path) const;
  void CallStarted(const std::string& method);
  void CallEnded(const std::string& method, int code, double seconds);

  SignalLabels& signal_labels() { return signal_labels_; }
  OddsGauges& odds() { return odds_; }
  // The alias is gone, and with it every series that carries its name.
  void ForgetAlias(const std::string& alias);

  std::shared_ptr<prometheus::Registry> registry() const { return registry_; }

 private:
  struct Pool {
    prometheus::Histogram* first_token;
    prometheus::Histogram* inter_token;
    prometheus::Histogram* queue;
    prometheus::Histogram* duration;
  };
  struct Steered {
    prometheus::Counter* prompt;
    prometheus::Counter* generated;
  };
  using LabelAndPool = std::pair<std::string, std::string>;

  void AddPools(const std::vector<std::string>& pools);
  Steered& SteeredOf(const std::string& label, const std::string& pool)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<prometheus::Registry> registry_;
  SignalLabels signal_labels_;
  OddsGauges odds_;
  std::map<std::string, Pool> pools_;  // never changes
  prometheus::Family<prometheus::Counter>& finished_;
  prometheus::Family<prometheus::Counter>& steered_;
  prometheus::Family<prometheus::Counter>& calls_started_;
  prometheus::Family<prometheus::Histogram>& call_duration_;
  std::vector<std::string> methods_;  // sorted
  Mutex mutex_;
  std::map<LabelAndPool, Steered> steered_series_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer
