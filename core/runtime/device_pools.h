#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/decoder.h"
#include "core/runtime/engine_scorer.h"
#include "core/runtime/pool_stats.h"
#include "core/runtime/resident_model.h"
#include "core/runtime/resident_signals.h"
#include "core/runtime/runtime_options.h"
#include "core/runtime/worker_pool.h"
#include "core/schedule/block_group.h"
#include "core/schedule/request.h"
#include "core/store/signal_store.h"

namespace steer {

// The devices and the worker pools on them; pools of one device share its weights and signals.
// Thread-safe once started.
class DevicePools {
 public:
  // A pool for each of the options' devices; each has run one step, whose requests take their ids
  // from `next_id`. `model` and `store` outlive this.
  static absl::StatusOr<std::unique_ptr<DevicePools>> Start(const RuntimeOptions& options,
                                                            const ResidentModel* model,
                                                            SignalStore* store,
                                                            std::atomic<RequestId>* next_id);

  // Positions of a sequence that every pool that serves can take.
  int context_limit() const { return context_limit_; }
  // Those that serve, in the order of the options.
  std::vector<WorkerPool*> workers() const;
  // Of all, the learning device's last.
  std::vector<PoolStats> stats() const;
  // The signal leaves every device's memory; requests that use it keep it alive.
  void Drop(const std::string& signal_id);
  // Where scoring may run: the pools that serve and whose device has not failed. UNAVAILABLE when
  // none is left.
  absl::StatusOr<std::vector<EngineScorer::Place>> ScoringPlaces() const;
  // The least loaded of them.
  absl::StatusOr<EngineScorer::Place> ScoringPlace() const;
  // Where a learner works: on the learning device, UNAVAILABLE when it has failed; without one as
  // ScoringPlace.
  absl::StatusOr<EngineScorer::Place> LearningPlace() const;

 private:
  // What the pools of one device share.
  struct Device {
    std::shared_ptr<const Decoder> decoder;
    std::unique_ptr<ResidentSignals> signals;
  };
  struct Pool {
    Device* device = nullptr;
    bool serves = true;  // or learns and does nothing else
    int64_t kv_cache_bytes = 0;
    std::unique_ptr<WorkerPool> worker;
  };

  DevicePools(const ResidentModel* model, SignalStore* store);
  absl::Status StartPools(const RuntimeOptions& options, std::atomic<RequestId>* next_id);
  absl::StatusOr<std::vector<BlockGroup>> SizeBlocks(const RuntimeOptions& options,
                                                     const Pool& pool) const;
  absl::Status StartPool(const RuntimeOptions& options, const std::string& name,
                         std::vector<BlockGroup> groups, Pool& pool) const;

  const ResidentModel* const model_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<Pool> pools_;  // after what they use; the learning device's last
  int context_limit_ = 0;
};

}  // namespace steer
