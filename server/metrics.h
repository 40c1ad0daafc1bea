#pragma once

#include <map>
#include <memory>
#include <string>
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
  // `pool` is the value of the label on everything that happens in the engine ("cpu:0").
  Metrics(const std::string& pool, int max_signal_labels);

  // One generation, as it goes along. Seconds.
  void FirstToken(double since_call) { first_token_->Observe(since_call); }
  void NextToken(double since_last) { inter_token_->Observe(since_last); }
  // `labels`: one per control, from signal_labels().
  void Finished(const FinishedEvent& event, const std::vector<std::string>& labels);

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
  struct Steered {
    prometheus::Counter* prompt;
    prometheus::Counter* generated;
  };

  const std::shared_ptr<prometheus::Registry> registry_;
  const std::string pool_;
  SignalLabels signal_labels_;
  OddsGauges odds_;
  prometheus::Histogram* first_token_;
  prometheus::Histogram* inter_token_;
  prometheus::Histogram* queue_;
  prometheus::Histogram* duration_;
  prometheus::Family<prometheus::Counter>& finished_;
  prometheus::Family<prometheus::Counter>& steered_;
  prometheus::Family<prometheus::Counter>& calls_started_;
  prometheus::Family<prometheus::Histogram>& call_duration_;
  std::vector<std::string> methods_;  // sorted
  Mutex mutex_;
  std::map<std::string, Steered> steered_by_label_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace steer
