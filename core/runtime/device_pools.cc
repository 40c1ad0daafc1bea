#include "core/runtime/device_pools.h"

#include <algorithm>
#include <future>
#include <set>
#include <thread>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/control/composition.h"
#include "core/engine/model_runner.h"
#include "core/model/kv_cache.h"
#include "core/model/model_config.h"
#include "core/runtime/dispatcher.h"
#include "core/runtime/kv_memory.h"
#include "core/runtime/kv_sizing.h"
#include "core/signal/control_set.h"

namespace steer {
namespace {

constexpr int kBlockSize = 16;                         // positions per KV block
constexpr int64_t kResidentBudget = int64_t{1} << 30;  // bytes of signals on one device

WorkerPool::SignalLoader LoaderOf(ResidentSignals* signals) {
  return [signals](ControlSet& controls) {
    for (size_t i = 0; i < controls.size(); ++i) {
      auto signal = signals->Get(controls[i].signal_id);
      if (!signal.ok()) return Annotate(signal.status(), absl::StrCat("controls[", i, "]"));
      controls[i].signal = *std::move(signal);
    }
    return CatchTorch("composing signals", [&] { return CheckComposition(controls); });
  };
}

class EndSink final : public EventSink {
 public:
  explicit EndSink(std::promise<absl::Status>* ended) : ended_(ended) {}
  void OnToken(TokenEvent /*event*/) override {}
  void OnFinished(FinishedEvent event) override { ended_->set_value(std::move(event.status)); }

 private:
  std::promise<absl::Status>* const ended_;
};

// The first step allocates what later ones reuse, and shows whether the device computes at all.
absl::Status WarmUp(WorkerPool& pool, std::atomic<RequestId>* next_id) {
  std::promise<absl::Status> ended;
  auto request = std::make_unique<Request>();
  request->id = (*next_id)++;
  // Judged and not generated: what it says is nobody's token, in no count.
  request->kind = RequestKind::kScoring;
  request->tokens = {0, 0, 0};
  request->layout.prompt_length = 1;
  request->arrival = Clock::now();
  request->sink = std::make_shared<EndSink>(&ended);
  pool.Reserve(1);
  STEER_RETURN_IF_ERROR(pool.Submit(std::move(request)));
  return Annotate(ended.get_future().get(), absl::StrCat("warm-up step of ", pool.name()));
}

}  // namespace

DevicePools::DevicePools(const ResidentModel* model, SignalStore* store) : model_(model) {
  for (const auto& decoder : model->decoders) {
    devices_.push_back(std::make_unique<Device>());
    devices_.back()->decoder = decoder;
    devices_.back()->signals = std::make_unique<ResidentSignals>(
        store, model->info.shape, decoder->dtype(), decoder->device(), kResidentBudget);
  }
}

absl::StatusOr<std::unique_ptr<DevicePools>> DevicePools::Start(const RuntimeOptions& options,
                                                                const ResidentModel* model,
                                                                SignalStore* store,
                                                                std::atomic<RequestId>* next_id) {
  std::unique_ptr<DevicePools> pools(new DevicePools(model, store));
  STEER_RETURN_IF_ERROR(pools->StartPools(options, next_id));
  return pools;
}

absl::Status DevicePools::StartPools(const RuntimeOptions& options,
                                     std::atomic<RequestId>* next_id) {
  STEER_ASSIGN_OR_RETURN(const std::vector<PoolDevice> named, PoolDevicesOf(options));
  for (const PoolDevice& one : named) {
    Pool& pool = pools_.emplace_back();
    pool.serves = one.serves;
    for (const auto& device : devices_) {
      if (device->decoder->device() == one.device) pool.device = device.get();
    }
  }
  std::vector<std::vector<BlockGroup>> groups;  // by pool
  // Every pool that serves must be able to take every request.
  context_limit_ = model_->config->context_limit;
  for (const Pool& pool : pools_) {
    STEER_ASSIGN_OR_RETURN(std::vector<BlockGroup> sized, SizeBlocks(options, pool));
    if (pool.serves)
      context_limit_ = PositionsThatFit(sized, context_limit_, options.step_tokens, kBlockSize);
    groups.push_back(std::move(sized));
  }
  for (size_t i = 0; i < pools_.size(); ++i) {
    STEER_RETURN_IF_ERROR(StartPool(options, named[i].name, std::move(groups[i]), pools_[i]));
    STEER_RETURN_IF_ERROR(WarmUp(*pools_[i].worker, next_id));
  }
  return absl::OkStatus();
}

// A quarter of what the device has to spare goes to the pools that share it, but no more than full
// contexts for all their sequences. Learning takes no more than its pool's first step does.
absl::StatusOr<std::vector<BlockGroup>> DevicePools::SizeBlocks(const RuntimeOptions& options,
                                                                const Pool& pool) const {
  const Decoder& decoder = *pool.device->decoder;
  const ModelConfig& config = *model_->config;
  KvDemand demand{.context_limit = config.context_limit,
                  .max_sequences = options.max_sequences,
                  .step_tokens = options.step_tokens,
                  .block_size = kBlockSize};
  int64_t smallest = 0;
  for (const KvGroup& group : config.kv_groups()) {
    demand.groups.push_back(
        {.window = group.window,
         .block_bytes = KvCache::BlockBytes(config, group, kBlockSize, decoder.dtype())});
    smallest += demand.groups.back().block_bytes;
  }
  int64_t bytes = pool.serves ? options.kv_cache_mib << 20 : smallest;
  if (bytes == 0) {
    STEER_ASSIGN_OR_RETURN(const int64_t free, FreeMemory(decoder.device()));
    int64_t sharing = 0;
    for (const Pool& other : pools_) sharing += other.serves && other.device == pool.device ? 1 : 0;
    bytes = std::min(free / 4 / sharing, MostKvBytes(demand));
  }
  std::vector<BlockGroup> groups = ShareKvBytes(demand, bytes);
  if (!groups.empty()) return groups;
  return InvalidField("kv_cache_mib", absl::StrCat(options.kv_cache_mib),
                      absl::StrCat("at least ", smallest / (1 << 20) + 1, " for this model"));
}

absl::Status DevicePools::StartPool(const RuntimeOptions& options, const std::string& name,
                                    std::vector<BlockGroup> groups, Pool& pool) const {
  const Device& device = *pool.device;
  std::vector<int> block_counts;
  block_counts.reserve(groups.size());
  for (const BlockGroup& group : groups) block_counts.push_back(group.block_count);
  using Cache = absl::StatusOr<std::unique_ptr<KvCache>>;
  STEER_ASSIGN_OR_RETURN(
      std::unique_ptr<KvCache> cache, CatchTorch("allocating the KV cache", [&]() -> Cache {
        return std::make_unique<KvCache>(*model_->config, block_counts, kBlockSize,
                                         device.decoder->dtype(), device.decoder->device());
      }));
  pool.kv_cache_bytes = cache->bytes();
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int threads =
      options.threads > 0 ? options.threads : std::max(1, cores / static_cast<int>(pools_.size()));
  WorkerPool::Parts parts;
  parts.name = name;
  parts.options = {.step_tokens = options.step_tokens,
                   .max_sequences = options.max_sequences,
                   .block_size = kBlockSize,
                   .groups = std::move(groups),
                   .context_limit = context_limit_,
                   .background_share = options.background_share,
                   .step_seconds = options.inter_token_ms / 1000.0,
                   .prefix_cache = options.prefix_cache,
                   .cache_format = absl::StrCat(model_->info.fingerprint, ":", options.dtype)};
  parts.tokenizer = model_->tokenizer.get();
  parts.runner = std::make_unique<ModelRunner>(device.decoder, std::move(cache), kBlockSize);
  // Each thread that starts parallel regions has a team of its own, of the size it asked for.
  parts.on_thread = [threads] { at::set_num_threads(threads); };
  parts.load = LoaderOf(device.signals.get());
  pool.worker = std::make_unique<WorkerPool>(std::move(parts));
  return absl::OkStatus();
}

std::vector<WorkerPool*> DevicePools::workers() const {
  std::vector<WorkerPool*> workers;
  for (const Pool& pool : pools_) {
    if (pool.serves) workers.push_back(pool.worker.get());
  }
  return workers;
}

std::vector<PoolStats> DevicePools::stats() const {
  std::vector<PoolStats> all;
  std::set<const Device*> counted;
  for (const Pool& pool : pools_) {
    PoolStats one{.name = pool.worker->name(),
                  .learning_only = !pool.serves,
                  .engine = pool.worker->engine().stats(),
                  .block_size = kBlockSize,
                  .in_flight = pool.worker->in_flight(),
                  .kv_cache_bytes = pool.kv_cache_bytes};
    if (counted.insert(pool.device).second) {
      one.signals_resident = pool.device->signals->count();
      one.signals_lingering = pool.device->signals->lingering();
      one.signal_bytes_resident = pool.device->signals->bytes();
      one.weight_bytes = pool.device->decoder->weight_bytes();
    }
    all.push_back(std::move(one));
  }
  return all;
}

void DevicePools::Drop(const std::string& signal_id) {
  for (const auto& device : devices_) device->signals->Drop(signal_id);
}

absl::StatusOr<std::vector<EngineScorer::Place>> DevicePools::ScoringPlaces() const {
  std::vector<EngineScorer::Place> places;
  for (const Pool& pool : pools_) {
    if (pool.serves && pool.worker->healthy())
      places.push_back({pool.worker.get(), pool.device->decoder});
  }
  if (places.empty()) return absl::UnavailableError("every device has failed");
  return places;
}

absl::StatusOr<EngineScorer::Place> DevicePools::ScoringPlace() const {
  STEER_ASSIGN_OR_RETURN(const std::vector<EngineScorer::Place> places, ScoringPlaces());
  return *std::min_element(places.begin(), places.end(), [](const auto& a, const auto& b) {
    return a.pool->in_flight() < b.pool->in_flight();
  });
}

absl::StatusOr<EngineScorer::Place> DevicePools::LearningPlace() const {
  const Pool& last = pools_.back();
  if (last.serves) return ScoringPlace();
  if (last.worker->healthy()) return EngineScorer::Place{last.worker.get(), last.device->decoder};
  return absl::UnavailableError(
      absl::StrCat("the learning device ", last.worker->name(), " has failed"));
}

}  // namespace steer
