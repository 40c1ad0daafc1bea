#include "server/pool_health.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "server/service_names.h"
#include "spdlog/spdlog.h"

namespace steer {

std::map<std::string, bool> ServingStatus(const std::vector<PoolStats>& pools) {
  std::map<std::string, bool> serving;
  bool any = false;
  for (const PoolStats& pool : pools) {
    serving[absl::StrCat("pool/", pool.name)] = !pool.engine.failed;
    any = any || !(pool.engine.failed || pool.learning_only);
  }
  for (const std::string& service : ServiceNames()) serving[service] = any;
  serving[""] = any;
  return serving;
}

PoolHealth::PoolHealth(const Runtime* runtime, grpc::HealthCheckServiceInterface* health)
    : runtime_(runtime), health_(health) {
  Tell();
  thread_ = std::thread([this] { Loop(); });
}

PoolHealth::~PoolHealth() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    stopping_.NotifyAll();
  }
  thread_.join();
}

void PoolHealth::Tell() {
  std::map<std::string, bool> serving = ServingStatus(runtime_->pools());
  for (const auto& [name, serves] : serving) {
    const auto told = told_.find(name);
    if (told != told_.end() && told->second == serves) continue;
    health_->SetServingStatus(name, serves);
    if (!serves) spdlog::error("'{}' does not serve any more: its device has failed", name);
  }
  told_ = std::move(serving);
}

void PoolHealth::Loop() {
  constexpr Clock::duration kPeriod = std::chrono::seconds(1);
  while (true) {
    {
      const Clock::time_point next = Clock::now() + kPeriod;
      const MutexLock lock(mutex_);
      while (!stop_ && stopping_.WaitUntil(mutex_, next)) {
      }
      if (stop_) return;
    }
    Tell();
  }
}

}  // namespace steer
