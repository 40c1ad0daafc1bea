#include "server/engine_collector.h"

#include <functional>
#include <string>
#include <utility>

namespace steer {
namespace {

using Value = std::function<double(const PoolStats&)>;

class Families {
 public:
  explicit Families(const std::vector<PoolStats>& pools) : pools_(pools) {}

  void Gauge(const char* name, const char* help, const Value& value) {
    Add(name, help, prometheus::MetricType::Gauge, value);
  }
  void Counter(const char* name, const char* help, const Value& value) {
    Add(name, help, prometheus::MetricType::Counter, value);
  }
  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  void Add(const char* name, const char* help, prometheus::MetricType type, const Value& value) {
    prometheus::MetricFamily family{name, help, type, {}};
    for (const PoolStats& pool : pools_) {
      prometheus::ClientMetric metric;
      metric.label.push_back({"pool", pool.name});
      (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) =
          value(pool);
      family.metric.push_back(std::move(metric));
    }
    families_.push_back(std::move(family));
  }

  const std::vector<PoolStats>& pools_;
  std::vector<prometheus::MetricFamily> families_;
};

void AddGauges(Families& to) {
  to.Gauge("steer_pool_healthy", "1; 0 once the device has failed",
           [](const PoolStats& pool) { return pool.engine.failed ? 0.0 : 1.0; });
  to.Gauge("steer_requests_running", "Sequences that take part in steps",
           [](const PoolStats& pool) { return pool.engine.running; });
  to.Gauge("steer_requests_waiting", "Sequences that have not started, or are computed again later",
           [](const PoolStats& pool) { return pool.engine.waiting; });
  to.Gauge("steer_kv_blocks_used",
           "Blocks of the KV cache that sequences use, of all groups of layers",
           [](const PoolStats& pool) { return pool.engine.kv_blocks_used; });
  to.Gauge("steer_kv_blocks_cached", "Blocks that nobody uses, kept to be found again",
           [](const PoolStats& pool) { return pool.engine.kv_blocks_cached; });
  to.Gauge(
      "steer_kv_cache_usage_ratio",
      "Share of the KV cache that sequences use, 0 to 1, in the group of layers (of one attention "
      "window) that has least left",
      [](const PoolStats& pool) { return pool.engine.kv_usage; });
  to.Gauge("steer_kv_cache_bytes", "Size of the KV cache",
           [](const PoolStats& pool) { return static_cast<double>(pool.kv_cache_bytes); });
  to.Gauge("steer_weight_bytes", "Size of the weights; 0 where another pool's are used",
           [](const PoolStats& pool) { return static_cast<double>(pool.weight_bytes); });
  to.Gauge("steer_signals_resident", "Signals held on the device; 0 where another pool's are used",
           [](const PoolStats& pool) { return pool.signals_resident; });
  to.Gauge("steer_signal_resident_bytes", "Their size",
           [](const PoolStats& pool) { return static_cast<double>(pool.signal_bytes_resident); });
}

void AddCounters(Families& to) {
  to.Counter("steer_prompt_tokens_total", "Prompt and forced positions computed",
             [](const PoolStats& pool) { return static_cast<double>(pool.engine.prompt_tokens); });
  to.Counter("steer_generated_tokens_total", "Tokens drawn", [](const PoolStats& pool) {
    return static_cast<double>(pool.engine.generated_tokens);
  });
  to.Counter("steer_prefix_reused_tokens_total", "Positions found in the prefix cache",
             [](const PoolStats& pool) { return static_cast<double>(pool.engine.reused_tokens); });
  to.Counter("steer_preemptions_total", "Sequences that made room and were computed again",
             [](const PoolStats& pool) { return static_cast<double>(pool.engine.preemptions); });
  to.Counter("steer_steps_total", "Steps of the engine",
             [](const PoolStats& pool) { return static_cast<double>(pool.engine.steps); });
  to.Counter("steer_engine_busy_seconds_total", "Time spent inside steps",
             [](const PoolStats& pool) { return pool.engine.busy_seconds; });
  to.Counter("steer_background_units_total", "Pieces of background work between steps",
             [](const PoolStats& pool) { return static_cast<double>(pool.engine.units); });
  to.Counter("steer_background_unit_seconds_total", "Time spent on them",
             [](const PoolStats& pool) { return pool.engine.unit_seconds; });
}

}  // namespace

std::vector<prometheus::MetricFamily> ToFamilies(const std::vector<PoolStats>& pools) {
  Families families(pools);
  AddGauges(families);
  AddCounters(families);
  return families.Take();
}

}  // namespace steer
