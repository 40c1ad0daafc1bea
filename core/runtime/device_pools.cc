#include "core/runtime/device_pools.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "core/analysis/scorer.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/engine/model_runner.h"
#include "core/model/kv_cache.h"
#include "core/model/model_config.h"
#include "core/runtime/activation_reader.h"
#include "core/runtime/control_resolver.h"
#include "core/runtime/dispatcher.h"
#include "core/runtime/engine_scorer.h"
#include "core/runtime/kv_memory.h"
#include "core/signal/control_set.h"

namespace steer {
namespace {

constexpr int kBlockSize = 16;                         // positions per KV block
constexpr int64_t kResidentBudget = int64_t{1} << 30;  // bytes of signals on one device
constexpr int64_t kMaxBlocks = 1 << 24;

WorkerPool::SignalLoader LoaderOf(ResidentSignals* signals) {
  return [signals](ControlSet& controls) {
    for (size_t i = 0; i < controls.size(); ++i) {
      auto signal = signals->Get(controls[i].signal_id);
      if (!signal.ok()) return Annotate(signal.status(), absl::StrCat("controls[", i, "]"));
      controls[i].signal = *std::move(signal);
    }
    return absl::OkStatus();
  };
}

absl::Status WarmUp(WorkerPool& pool, std::atomic<RequestId>* next_id) {
  Dispatcher only({&pool});
  EngineScorer scorer(&only, next_id, PreparedControls());
  ForcedText text;
  text.tokens = {0, 0, 0};
  text.layout.prompt_length = 1;
  const auto result = scorer.LogProbs({text}, 1.0, [] { return false; });
  return Annotate(result.status(), absl::StrCat("warm-up step of ", pool.name()));
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
  for (const std::string& name : options.devices) {
    STEER_ASSIGN_OR_RETURN(const at::Device wanted, DeviceOf(name));
    Pool pool;
    for (const auto& device : devices_) {
      if (device->decoder->device() == wanted) pool.device = device.get();
    }
    pools_.push_back(std::move(pool));
  }
  std::vector<int64_t> blocks;
  for (const Pool& pool : pools_) {
    STEER_ASSIGN_OR_RETURN(const int64_t count, BlockCount(options, *pool.device));
    blocks.push_back(count);
  }
  // Every pool must be able to take every request.
  const int64_t smallest = *std::min_element(blocks.begin(), blocks.end());
  context_limit_ =
      static_cast<int>(std::min<int64_t>(model_->config->context_limit, smallest * kBlockSize));
  for (size_t i = 0; i < pools_.size(); ++i) {
    STEER_RETURN_IF_ERROR(StartPool(options, options.devices[i], blocks[i], pools_[i]));
    STEER_RETURN_IF_ERROR(WarmUp(*pools_[i].worker, next_id));
  }
  return absl::OkStatus();
}

// A quarter of what the device has to spare goes to the pools that share it, but no more than full
// contexts for all their sequences.
absl::StatusOr<int64_t> DevicePools::BlockCount(const RuntimeOptions& options,
                                                const Device& device) const {
  const ModelConfig& config = *model_->config;
  const int64_t block_bytes = KvCache::BlockBytes(config, kBlockSize, device.decoder->dtype());
  int64_t bytes = options.kv_cache_mib << 20;
  if (options.kv_cache_mib == 0) {
    STEER_ASSIGN_OR_RETURN(const int64_t free, FreeMemory(device.decoder->device()));
    int64_t sharing = 0;
    for (const Pool& pool : pools_) sharing += pool.device == &device ? 1 : 0;
    const int64_t full = block_bytes * options.max_sequences *
                         ((config.context_limit + kBlockSize - 1) / kBlockSize);
    bytes = std::min(free / 4 / sharing, full);
  }
  const int64_t blocks = std::min(bytes / block_bytes, kMaxBlocks);
  if (blocks >= 1) return blocks;
  return InvalidField("kv_cache_mib", absl::StrCat(options.kv_cache_mib),
                      absl::StrCat("at least ", block_bytes / (1 << 20) + 1, " for this model"));
}

absl::Status DevicePools::StartPool(const RuntimeOptions& options, const std::string& name,
                                    int64_t blocks, Pool& pool) const {
  const Device& device = *pool.device;
  using Cache = absl::StatusOr<std::unique_ptr<KvCache>>;
  STEER_ASSIGN_OR_RETURN(
      std::unique_ptr<KvCache> cache, CatchTorch("allocating the KV cache", [&]() -> Cache {
        return std::make_unique<KvCache>(*model_->config, static_cast<int>(blocks), kBlockSize,
                                         device.decoder->dtype(), device.decoder->device());
      }));
  pool.kv_cache_bytes = cache->bytes();
  const int cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const int threads = options.threads > 0
                          ? options.threads
                          : std::max(1, cores / static_cast<int>(options.devices.size()));
  WorkerPool::Parts parts;
  parts.name = name;
  parts.options = {.step_tokens = options.step_tokens,
                   .max_sequences = options.max_sequences,
                   .block_size = kBlockSize,
                   .block_count = static_cast<int>(blocks),
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
  for (const Pool& pool : pools_) workers.push_back(pool.worker.get());
  return workers;
}

std::vector<PoolStats> DevicePools::stats() const {
  std::vector<PoolStats> all;
  std::set<const Device*> counted;
  for (const Pool& pool : pools_) {
    PoolStats one{.name = pool.worker->name(),
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

absl::StatusOr<MeanActivation> DevicePools::ActivationReader() const {
  const Pool* least = nullptr;
  for (const Pool& pool : pools_) {
    if (!pool.worker->healthy()) continue;
    if (least == nullptr || pool.worker->in_flight() < least->worker->in_flight()) least = &pool;
  }
  if (least == nullptr) return absl::UnavailableError("every device has failed");
  return MakeActivationReader(&least->worker->engine(), least->device->decoder);
}

}  // namespace steer
