#include "server/engine_collector.h"

#include <string>

namespace steer {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type,
                                const std::string& pool, double value) {
  prometheus::ClientMetric metric;
  metric.label.push_back({"pool", pool});
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  return {name, help, type, {std::move(metric)}};
}

}  // namespace

std::vector<prometheus::MetricFamily> EngineCollector::Collect() const {
  const RuntimeStats stats = runtime_->stats();
  const EngineStats& engine = stats.engine;
  std::vector<prometheus::MetricFamily> families;
  const auto gauge = [&](const char* name, double value, const char* help) {
    families.push_back(Family(name, help, prometheus::MetricType::Gauge, stats.pool, value));
  };
  const auto counter = [&](const char* name, double value, const char* help) {
    families.push_back(Family(name, help, prometheus::MetricType::Counter, stats.pool, value));
  };
  const double total = engine.kv_blocks_total;
  gauge("steer_requests_running", engine.running, "Sequences that take part in steps");
  gauge("steer_requests_waiting", engine.waiting, "Sequences that have not started");
  gauge("steer_kv_blocks_used", engine.kv_blocks_used, "Blocks of the KV cache in use");
  gauge("steer_kv_cache_usage_ratio", total > 0 ? engine.kv_blocks_used / total : 0,
        "Share of the KV cache in use, 0 to 1");
  gauge("steer_kv_cache_bytes", static_cast<double>(stats.kv_cache_bytes), "Size of the KV cache");
  gauge("steer_weight_bytes", static_cast<double>(stats.weight_bytes), "Size of the weights");
  gauge("steer_signals_resident", stats.signals_resident, "Signals held on the device");
  gauge("steer_signal_resident_bytes", static_cast<double>(stats.signal_bytes_resident),
        "Their size");
  counter("steer_prompt_tokens_total", static_cast<double>(engine.prompt_tokens),
          "Prompt and forced positions computed");
  counter("steer_generated_tokens_total", static_cast<double>(engine.generated_tokens),
          "Tokens drawn");
  counter("steer_steps_total", static_cast<double>(engine.steps), "Steps of the engine");
  counter("steer_engine_busy_seconds_total", engine.busy_seconds, "Time spent inside steps");
  return families;
}

}  // namespace steer
