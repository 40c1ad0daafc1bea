#pragma once

#include <vector>

#include "core/runtime/runtime.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace steer {

// The engine's numbers as Prometheus families, read when somebody scrapes. Must not outlive the
// runtime. Thread-safe.
class EngineCollector final : public prometheus::Collectable {
 public:
  explicit EngineCollector(const Runtime* runtime) : runtime_(runtime) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Runtime* const runtime_;
};

}  // namespace steer
