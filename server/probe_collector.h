#pragma once

#include <vector>

#include "core/runtime/runtime.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace steer {

// What probes found, as Prometheus families: one series per probe set, of its last run, and what
// probing costs. `seconds`: that all runs took.
std::vector<prometheus::MetricFamily> ToFamilies(const std::vector<ProbeState>& probes,
                                                 double seconds);

// The same, read when somebody scrapes. Must not outlive the runtime. Thread-safe.
class ProbeCollector final : public prometheus::Collectable {
 public:
  explicit ProbeCollector(const Runtime* runtime) : runtime_(runtime) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    return ToFamilies(runtime_->probes(), runtime_->probe_seconds());
  }

 private:
  const Runtime* const runtime_;
};

}  // namespace steer
