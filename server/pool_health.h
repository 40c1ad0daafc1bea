#pragma once

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/runtime/runtime.h"
#include "grpcpp/health_check_service_interface.h"

namespace steer {

// Whether each name of grpc.health.v1 serves: "pool/<name>" while its device has not failed, our
// services and "", the server as a whole, while any device that takes requests is left.
std::map<std::string, bool> ServingStatus(const std::vector<PoolStats>& pools);

// Tells gRPC's health service which pools serve: at once and then every second, on a thread of its
// own, until it is destroyed. gRPC's service cannot ask us when it is asked, and no thread of the
// server is sure to run when a device fails, so somebody has to look.
class PoolHealth {
 public:
  // Both must outlive it.
  PoolHealth(const Runtime* runtime, grpc::HealthCheckServiceInterface* health);
  ~PoolHealth();
  PoolHealth(const PoolHealth&) = delete;
  PoolHealth& operator=(const PoolHealth&) = delete;

 private:
  void Tell();
  void Loop();

  const Runtime* const runtime_;
  grpc::HealthCheckServiceInterface* const health_;
  std::map<std::string, bool> told_;  // the thread's, after the constructor
  Mutex mutex_;
  CondVar stopping_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace steer
