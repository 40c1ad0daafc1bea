#include "server/metrics.h"

#include <algorithm>

#include "server/service_names.h"
#include "server/version.h"

namespace steer {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

// First token: from a warm small model to a queue of minutes.
const Buckets& FirstTokenBuckets() {
  static const Buckets buckets = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                                  1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
  return buckets;
}

// Between tokens: half a millisecond is a small model on a fast device.
const Buckets& InterTokenBuckets() {
  static const Buckets buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1,
                                  0.15,   0.2,   0.3,    0.4,   0.5,  0.75,  1,    2.5};
  return buckets;
}

const Buckets& DurationBuckets() {
  static const Buckets buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                  0.1,    0.25,  0.5,    1,     2.5,  5,     10,
                                  20,     40,    60,     120,   300,  600,   1800};
  return buckets;
}

prometheus::Family<prometheus::Histogram>& HistogramFamily(prometheus::Registry& registry,
                                                           const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& CounterFamily(prometheus::Registry& registry,
                                                       const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

const char* CodeName(int code) {
  static constexpr const char* kNames[] = {"OK",
                                           "CANCELLED",
                                           "UNKNOWN",
                                           "INVALID_ARGUMENT",
                                           "DEADLINE_EXCEEDED",
                                           "NOT_FOUND",
                                           "ALREADY_EXISTS",
                                           "PERMISSION_DENIED",
                                           "RESOURCE_EXHAUSTED",
                                           "FAILED_PRECONDITION",
                                           "ABORTED",
                                           "OUT_OF_RANGE",
                                           "UNIMPLEMENTED",
                                           "INTERNAL",
                                           "UNAVAILABLE",
                                           "DATA_LOSS",
                                           "UNAUTHENTICATED"};
  return code >= 0 && code < static_cast<int>(std::size(kNames)) ? kNames[code] : "UNKNOWN";
}

}  // namespace

Metrics::Metrics(const std::string& pool, int max_signal_labels)
    : registry_(std::make_shared<prometheus::Registry>()),
      pool_(pool),
      signal_labels_(max_signal_labels),
      odds_(*registry_),
      first_token_(&HistogramFamily(*registry_, "steer_time_to_first_token_seconds",
                                    "From the arrival of a Generate call to its first token")
                        .Add({{"pool", pool}}, FirstTokenBuckets())),
      inter_token_(&HistogramFamily(*registry_, "steer_inter_token_latency_seconds",
                                    "Between two tokens of one generation, as the engine made them")
                        .Add({{"pool", pool}}, InterTokenBuckets())),
      queue_(&HistogramFamily(*registry_, "steer_queue_seconds",
                              "From the admission of a generation to its first step")
                  .Add({{"pool", pool}}, DurationBuckets())),
      duration_(&HistogramFamily(*registry_, "steer_request_duration_seconds",
                                 "From the admission of a generation to its end")
                     .Add({{"pool", pool}}, DurationBuckets())),
      finished_(CounterFamily(*registry_, "steer_requests_finished_total",
                              "Generations that ended, by reason")),
      steered_(CounterFamily(*registry_, "steer_steered_tokens_total",
                             "Token positions on which a signal acted, by stage")),
      calls_started_(CounterFamily(*registry_, "steer_rpcs_started_total", "Calls that came in")),
      call_duration_(HistogramFamily(*registry_, "steer_rpc_duration_seconds",
                                     "From the arrival of a call to its status")),
      methods_(MethodNames()) {
  std::sort(methods_.begin(), methods_.end());
  prometheus::BuildGauge()
      .Name("steer_build_info")
      .Help("1; the labels say what is running")
      .Register(*registry_)
      .Add({{"version", Version()}})
      .Set(1);
}

void Metrics::Finished(const FinishedEvent& event, const std::vector<std::string>& labels) {
  finished_.Add({{"pool", pool_}, {"reason", std::string(Name(event.reason))}}).Increment();
  duration_->Observe(event.total_seconds);
  // Without a token it may never have left the queue, and then its waiting time is not one.
  if (event.first_token_seconds > 0) queue_->Observe(event.queue_seconds);
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < labels.size() && i < event.steered.size(); ++i) {
    if (!signal_labels_.Has(labels[i])) continue;  // deleted meanwhile
    auto found = steered_by_label_.find(labels[i]);
    if (found == steered_by_label_.end()) {
      const Steered counters = {
          &steered_.Add({{"pool", pool_}, {"signal", labels[i]}, {"stage", "prompt"}}),
          &steered_.Add({{"pool", pool_}, {"signal", labels[i]}, {"stage", "generated"}})};
      found = steered_by_label_.emplace(labels[i], counters).first;
    }
    found->second.prompt->Increment(event.steered[i].prompt);
    found->second.generated->Increment(event.steered[i].generated);
  }
}

std::string Metrics::MethodLabel(const char* path) const {
  const std::string name = *path == '/' ? path + 1 : path;
  return std::binary_search(methods_.begin(), methods_.end(), name) ? name : "other";
}

void Metrics::CallStarted(const std::string& method) {
  calls_started_.Add({{"method", method}}).Increment();
}

void Metrics::CallEnded(const std::string& method, int code, double seconds) {
  call_duration_.Add({{"method", method}, {"code", CodeName(code)}}, DurationBuckets())
      .Observe(seconds);
}

void Metrics::ForgetAlias(const std::string& alias) {
  signal_labels_.Forget(alias);
  odds_.Forget(alias);
  const MutexLock lock(mutex_);
  const auto found = steered_by_label_.find(alias);
  if (found == steered_by_label_.end()) return;
  steered_.Remove(found->second.prompt);
  steered_.Remove(found->second.generated);
  steered_by_label_.erase(found);
}

}  // namespace steer
