#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/runtime/worker_pool.h"
#include "core/schedule/request.h"

namespace steer {

// Sends each request to one of the pools: to the one whose cache holds most of its prompt, unless
// that one has far more to do than the least loaded; else to the least loaded. Pools whose device
// has failed get nothing. Thread-safe.
class Dispatcher {
 public:
  // How many more requests than the least loaded a pool may have and still be chosen for its cache.
  static constexpr int kCacheIsWorth = 8;

  // All pools store keys and values alike.
  explicit Dispatcher(std::vector<WorkerPool*> pools) : pools_(std::move(pools)) {}

  // Reserves `places` for requests that begin like this one. UNAVAILABLE when every device has
  // failed.
  absl::StatusOr<WorkerPool*> Choose(const Request& request, int places = 1);

 private:
  const std::vector<WorkerPool*> pools_;
  Mutex mutex_;  // held from looking at the loads until one is raised
};

// The keys of the full blocks that a request can share with others.
std::vector<BlockKey> PrefixKeys(const Request& request, int block_size,
                                 const std::string& cache_format);

}  // namespace steer
