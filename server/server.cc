#include "server/server.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "prometheus/exposer.h"
#include "server/analysis_service.h"
#include "server/backend.h"
#include "server/convert.h"
#include "server/engine_collector.h"
#include "server/generation_service.h"
#include "server/learning_service.h"
#include "server/model_service.h"
#include "server/pool_health.h"
#include "server/probe_collector.h"
#include "server/probe_service.h"
#include "server/rpc_interceptor.h"
#include "server/signal_service.h"
#include "spdlog/spdlog.h"

namespace steer {
namespace {

constexpr int kMaxStreamsPerConnection = 1024;
constexpr int kMinPingIntervalMs = 10'000;
// How long what only watches may take to notice that the server closes.
constexpr auto kClosingTime = std::chrono::seconds(1);
constexpr Clock::duration kDrainPollPeriod = std::chrono::milliseconds(50);

std::vector<std::string> PoolNames(const Runtime& runtime) {
  std::vector<std::string> names;
  for (const PoolStats& pool : runtime.pools()) names.push_back(pool.name);
  return names;
}

// Debian's reflection library adds itself to every server when it is loaded; this takes it out.
class NoReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins,
                  [](const auto& plugin) { return plugin->name() == "proto_server_reflection"; });
  }
};

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, Runtime* runtime)
      : options_(options),
        metrics_(std::make_shared<Metrics>(PoolNames(*runtime), options.metrics_signals)),
        collector_(std::make_shared<EngineCollector>(runtime)),
        probe_collector_(std::make_shared<ProbeCollector>(runtime)),
        backend_(runtime, metrics_) {}

  ~Impl() {
    if (server_ != nullptr) Close(std::chrono::system_clock::now());
  }

  absl::Status Listen();
  absl::Status ListenForMetrics();
  bool Drain(StopRequests& stop);
  int port() const { return port_; }
  int metrics_port() const {
    return exposer_ == nullptr ? 0 : exposer_->GetListeningPorts().front();
  }

 private:
  void Configure(grpc::ServerBuilder& builder);
  void Close(std::chrono::system_clock::time_point deadline);
  bool Idle() { return *open_calls_ == 0 && backend_.runtime.in_flight() == 0; }

  const ServerOptions options_;
  const std::shared_ptr<Metrics> metrics_;
  const std::shared_ptr<EngineCollector> collector_;
  const std::shared_ptr<ProbeCollector> probe_collector_;
  const std::shared_ptr<OpenCalls> open_calls_ = std::make_shared<OpenCalls>(0);
  Backend backend_;
  GenerationService generation_{&backend_};
  SignalService signal_{&backend_};
  AnalysisService analysis_{&backend_};
  ProbeService probe_{&backend_};
  LearningService learning_{&backend_};
  ModelService model_{&backend_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<PoolHealth> health_;  // speaks to server_
  std::unique_ptr<prometheus::Exposer> exposer_;
  int port_ = 0;
};

void Server::Impl::Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(options_.max_message_mib * 1024 * 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  // Two servers on one port would share it silently.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<RpcInterceptorFactory>(metrics_, open_calls_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  builder.RegisterService(&generation_);
  builder.RegisterService(&signal_);
  builder.RegisterService(&analysis_);
  builder.RegisterService(&probe_);
  builder.RegisterService(&learning_);
  builder.RegisterService(&model_);
}

absl::Status Server::Impl::Listen() {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  if (!options_.reflection) builder.SetOption(std::make_unique<NoReflection>());
  Configure(builder);
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(), &port_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return FieldError(absl::StatusCode::kUnavailable,
                      {"CANNOT_LISTEN", "--listen", absl::StrCat("'", options_.listen, "'"),
                       "host:port or unix:/path that is free and belongs to this machine"});
  }
  if (absl::StartsWith(options_.listen, "unix:")) port_ = 0;
  health_ = std::make_unique<PoolHealth>(&backend_.runtime, server_->GetHealthCheckService());
  return absl::OkStatus();
}

absl::Status Server::Impl::ListenForMetrics() {
  if (options_.metrics_listen == "off") return absl::OkStatus();
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(options_.metrics_listen, /*num_threads=*/1);
  } catch (const std::exception&) {
    return FieldError(
        absl::StatusCode::kUnavailable,
        {"CANNOT_LISTEN", "--metrics-listen", absl::StrCat("'", options_.metrics_listen, "'"),
         "host:port that is free and belongs to this machine, or off"});
  }
  exposer_->RegisterCollectable(metrics_->registry());
  exposer_->RegisterCollectable(collector_);
  exposer_->RegisterCollectable(probe_collector_);
  return absl::OkStatus();
}

void Server::Impl::Close(std::chrono::system_clock::time_point deadline) {
  backend_.draining = true;
  health_.reset();
  server_->Shutdown(deadline);
  server_->Wait();
  server_.reset();
}

bool Server::Impl::Drain(StopRequests& stop) {
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(options_.drain_seconds);
  health_.reset();  // or it would say that the pools serve
  server_->GetHealthCheckService()->SetServingStatus(false);
  backend_.runtime.StartDraining();
  backend_.draining = true;
  backend_.runtime.jobs().Stop();  // they go on after a restart
  bool idle = Idle();
  while (!idle && Clock::now() < deadline) {
    if (stop.Await(2, std::min(deadline, Clock::now() + kDrainPollPeriod))) break;
    idle = Idle();
  }
  if (!idle) {
    spdlog::warn("cutting {} calls and {} generations", open_calls_->load(),
                 backend_.runtime.in_flight());
  }
  Close(std::chrono::system_clock::now() + (idle ? kClosingTime : std::chrono::seconds(0)));
  return idle;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      Runtime* runtime) {
  auto impl = std::make_unique<Impl>(options, runtime);
  STEER_RETURN_IF_ERROR(impl->ListenForMetrics());
  STEER_RETURN_IF_ERROR(impl->Listen());
  runtime->ResumeJobs(&ReadDefinition);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::port() const { return impl_->port(); }
int Server::metrics_port() const { return impl_->metrics_port(); }
bool Server::Drain(StopRequests& stop) { return impl_->Drain(stop); }

}  // namespace steer
