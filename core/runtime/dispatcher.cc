#include "core/runtime/dispatcher.h"

#include <limits>
#include <span>

namespace steer {

std::vector<BlockKey> PrefixKeys(const Request& request, int block_size,
                                 const std::string& cache_format) {
  std::vector<BlockKey> keys;
  BlockKey key = RootKey(request.tenant, cache_format);
  const std::span<const TokenId> tokens(request.tokens);
  const int shareable =
      request.scoring() ? request.layout.prompt_length - 1 : static_cast<int>(tokens.size()) - 1;
  for (int begin = 0; begin + block_size <= shareable; begin += block_size) {
    key = NextKey(key, tokens.subspan(begin, block_size), begin, request.controls, request.layout);
    keys.push_back(key);
  }
  return keys;
}

absl::StatusOr<WorkerPool*> Dispatcher::Choose(const Request& request, int places) {
  std::vector<BlockKey> keys;
  if (pools_.size() > 1) {
    keys = PrefixKeys(request, pools_[0]->block_size(), pools_[0]->cache_format());
  }
  const MutexLock lock(mutex_);
  int least = std::numeric_limits<int>::max();
  for (const WorkerPool* pool : pools_) {
    if (pool->healthy()) least = std::min(least, pool->in_flight());
  }
  WorkerPool* chosen = nullptr;
  int matched = 0;
  for (WorkerPool* pool : pools_) {
    if (!pool->healthy()) continue;
    const int load = pool->in_flight();
    if (load > least + kCacheIsWorth) continue;
    const int match = pool->prefixes().Match(keys);
    const bool better =
        chosen == nullptr || match > matched || (match == matched && load < chosen->in_flight());
    if (!better) continue;
    chosen = pool;
    matched = match;
  }
  if (chosen == nullptr) return absl::UnavailableError("every device has failed");
  chosen->Reserve(places);
  return chosen;
}

}  // namespace steer
