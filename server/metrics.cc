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

Metrics::Metrics(const std::vector<std::string>& pools, int max_signal_labels)
    : registry_(std::make_shared<prometheus::Registry>()),
      signal_labels_(max_signal_labels),
      odds_(*registry_),
      finished_(CounterFamily(*registry_, "steer_requests_finished_total",
                              "Completions of generations that ended, by reason")),
      steered_(CounterFamily(*registry_, "steer_steered_tokens_total",
                             "Token positions on which a signal acted, by stage")),
      calls_started_(CounterFamily(*registry_, "steer_rpcs_started_total", "Calls that came in")),
      call_duration_(HistogramFamily(*registry_, "steer_rpc_duration_seconds",
                                     "From the arrival of a call to its status")),
      methods_(MethodNames()) {
  std::sort(methods_.begin(), methods_.end());
  AddPools(pools);
  prometheus::BuildGauge()
      .Name("steer_build_info")
      .Help("1; the labels say what is running")
      .Register(*registry_)
      .Add({{"version", Version()}})
      .Set(1);
}

void Metrics::AddPools(const std::vector<std::string>& pools) {
  auto& first_token =
      HistogramFamily(*registry_, "steer_time_to_first_token_seconds",
                      "From the arrival of a Generate call to the first token, of each completion");
  auto& inter_token =
      HistogramFamily(*registry_, "steer_inter_token_latency_seconds",
                      "Between two tokens of one completion, as the engine made them");
  auto& queue = HistogramFamily(*registry_, "steer_queue_seconds",
                                "From the admission of a completion to its first step");
  auto& duration = HistogramFamily(*registry_, "steer_request_duration_seconds",
                                   "From the admission of a completion to its end");
  for (const std::string& pool : pools) {
    const prometheus::Labels labels = {{"pool", pool}};
    pools_[pool] = {.first_token = &first_token.Add(labels, FirstTokenBuckets()),
                    .inter_token = &inter_token.Add(labels, InterTokenBuckets()),
                    .queue = &queue.Add(labels, DurationBuckets()),
                    .duration = &duration.Add(labels, DurationBuckets())};
  }
}

void Metrics::FirstToken(const std::string& pool, double since_call) {
  pools_.at(pool).first_token->Observe(since_call);
}

void Metrics::NextToken(const std::string& pool, double since_last) {
  pools_.at(pool).inter_token->Observe(since_last);
}

void Metrics::Finished(const std::string& pool, const FinishedEvent& event,
                       const std::vector<std::string>& labels) {
  finished_.Add({{"pool", pool}, {"reason", std::string(Name(event.reason))}}).Increment();
  pools_.at(pool).duration->Observe(event.total_seconds);
  // Without a token it may never have left the queue, and then its waiting time is not one.
  if (event.first_token_seconds > 0) pools_.at(pool).queue->Observe(event.queue_seconds);
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < labels.size() && i < event.steered.size(); ++i) {
    if (!signal_labels_.Has(labels[i])) continue;  // deleted meanwhile
    const Steered& counters = SteeredOf(labels[i], pool);
    counters.prompt->Increment(event.steered[i].prompt);
    counters.generated->Increment(event.steered[i].generated);
  }
}

Metrics::Steered& Metrics::SteeredOf(const std::string& label, const std::string& pool) {
  const auto found = steered_series_.find({label, pool});
  if (found != steered_series_.end()) return found->second;
  const Steered counters = {
      &steered_.Add({{"pool", pool}, {"signal", label}, {"stage", "prompt"}}),
      &steered_.Add({{"pool", pool}, {"signal", label}, {"stage", "generated"}})};
  return steered_series_.emplace(LabelAndPool(label, pool), counters).first->second;
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
  auto series = steered_series_.lower_bound({alias, ""});
  while (series != steered_series_.end() && series->first.first == alias) {
    steered_.Remove(series->second.prompt);
    steered_.Remove(series->second.generated);
    series = steered_series_.erase(series);
  }
}

}  // namespace steer
