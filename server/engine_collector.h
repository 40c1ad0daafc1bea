#pragma once

#include <vector>

#include "core/runtime/runtime.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace steer {

// The numbers of the engines as Prometheus families, one series per pool.
std::vector<prometheus::MetricFamily> ToFamilies(const std::vector<PoolStats>& pools);

// The same, read when somebody scrapes. Must not outlive the runtime. Thread-safe.
class EngineCollector final : public prometheus::Collectable {
 public:
  explicit EngineCollector(const Runtime* runtime) : runtime_(runtime) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    return ToFamilies(runtime_->pools());
  }

 private:
  const Runtime* const runtime_;
};

}  // namespace steer
