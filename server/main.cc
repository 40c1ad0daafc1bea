#include <cstdio>
#include <memory>

#include "core/runtime/runtime.h"
#include "server/options.h"
#include "server/server.h"
#include "server/stop_signals.h"
#include "server/version.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"

namespace {

constexpr int kCannotStart = 1;
constexpr int kCut = 3;

int CannotStart(const absl::Status& status) {
  spdlog::critical("cannot start: {}", std::string(status.message()));
  return kCannotStart;
}

int Serve(const steer::ServerOptions& options) {
  // Before any other thread.
  steer::StopRequests stop;
  steer::StopSignals signals(&stop);
  spdlog::info("steerd {}: loading {}", steer::Version(), options.runtime.model_path);
  absl::StatusOr<std::unique_ptr<steer::Runtime>> runtime = steer::Runtime::Create(options.runtime);
  if (!runtime.ok()) return CannotStart(runtime.status());
  const steer::ModelInfo& model = (*runtime)->model();
  spdlog::info("model {} ({} layers, {}), fingerprint {}", model.name, model.shape.layers,
               model.dtype, model.fingerprint);
  for (const steer::PoolStats& pool : (*runtime)->pools()) {
    spdlog::info("pool {}: {}KV cache of {} MiB, {} blocks of {} positions", pool.name,
                 pool.learning_only ? "learning only, " : "", pool.kv_cache_bytes >> 20,
                 pool.engine.kv_blocks_total, pool.block_size);
  }

  absl::StatusOr<std::unique_ptr<steer::Server>> server =
      steer::Server::Start(options, runtime->get());
  if (!server.ok()) return CannotStart(server.status());
  signals.ServingStarts();
  spdlog::info("serving gRPC on {} (port {}), metrics on {} (port {})", options.listen,
               (*server)->port(), options.metrics_listen, (*server)->metrics_port());

  stop.Await(1);
  spdlog::info("draining for up to {} s; once more to stop now", options.drain_seconds);
  const bool clean = (*server)->Drain(stop);
  spdlog::info(clean ? "stopped" : "stopped; running work was cut");
  return clean ? 0 : kCut;
}

}  // namespace

int main(int argc, const char* const* argv) {
  const steer::Invocation invocation = steer::ParseCommandLine(argc, argv);
  if (!invocation.options) {
    std::fputs(invocation.output.c_str(), invocation.exit_code == 0 ? stdout : stderr);
    return invocation.exit_code;
  }
  spdlog::set_default_logger(spdlog::stderr_color_mt("steerd"));
  spdlog::set_level(spdlog::level::from_str(invocation.options->log_level));
  return Serve(*invocation.options);
}
