#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/runtime/runtime.h"
#include "server/options.h"
#include "server/stop_signals.h"

namespace steer {

// Everything that listens: the services over one runtime, health, reflection and /metrics. Serving
// from Start until Drain or destruction. Thread-safe.
class Server {
 public:
  // `runtime` must be ready and outlive the server. INVALID_ARGUMENT or UNAVAILABLE names the
  // address that cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       Runtime* runtime);
  // Cuts what is still running.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;          // gRPC; 0 for a unix socket
  int metrics_port() const;  // 0 if off

  // Health turns NOT_SERVING and new work is refused with UNAVAILABLE; calls, generations and jobs
  // that run may end, until `options.drain_seconds` have passed or a second stop request has come.
  // Then closes the server. True if nothing was cut. Call once.
  bool Drain(StopRequests& stop);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace steer
