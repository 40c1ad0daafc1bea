#include "server/probe_service.h"

#include <string>

#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert_parts.h"
#include "server/unary.h"

namespace steer {
namespace {

constexpr int kMaxProbePairs = 1000;

v1::ProbeRun ToProto(const ProbeRun& run) {
  v1::ProbeRun out;
  out.set_signal_id(run.signal_id);
  out.set_model_fingerprint(run.model_fingerprint);
  out.set_measured_unix_ms(run.measured_unix_ms);
  out.set_pairs(run.pairs);
  out.set_plain_preference(run.plain_preference);
  if (run.plain_utility) out.set_plain_utility(*run.plain_utility);
  for (const ProbePoint& point : run.points) {
    v1::ProbePoint& copy = *out.add_points();
    *copy.mutable_positions() = ToProto(point.positions);
    copy.set_multiplier(point.multiplier);
    copy.set_bias_multiplier(point.bias_multiplier);
    copy.set_uses(point.uses);
    copy.set_preference(point.preference);
    if (point.utility) copy.set_utility(*point.utility);
  }
  const ProbeEffect effect = EffectOf(run);
  out.set_preference_gain(effect.preference_gain);
  if (effect.utility_loss) out.set_utility_loss(*effect.utility_loss);
  return out;
}

v1::Probe ToProto(const ProbeState& state) {
  v1::Probe out;
  out.set_signal(state.signal);
  out.set_pairs(state.pairs);
  out.set_created_unix_ms(state.created_unix_ms);
  if (state.first) *out.mutable_first() = ToProto(*state.first);
  if (state.last) *out.mutable_last() = ToProto(*state.last);
  const ProbeDrift drift = DriftOf(state);
  if (drift.preference) out.set_preference_drift(*drift.preference);
  if (drift.utility) out.set_utility_drift(*drift.utility);
  out.set_runs(state.runs);
  out.set_failures(state.failures);
  out.set_error(std::string(state.status.message()));
  return out;
}

// A set belongs to a signal by whatever name, so it is not about "controls" here.
absl::Status AboutSignal(const absl::Status& status) {
  std::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail || detail->field != "controls[0].signal") return status;
  detail->field = "signal";
  return FieldError(status.code(), *std::move(detail));
}

absl::Status Set(Backend& backend, const v1::SetProbeRequest& request, v1::Probe* response) {
  if (request.signal().empty()) return InvalidField("signal", "nothing", "an id or alias");
  PairSetSpec pairs;
  STEER_RETURN_IF_ERROR(CheckCount("pairs", request.pairs_size(), 1, kMaxProbePairs));
  STEER_RETURN_IF_ERROR(ReadPairSet(request, pairs));
  const absl::StatusOr<ProbeState> state = backend.runtime.SetProbe(request.signal(), pairs);
  if (!state.ok()) return AboutSignal(state.status());
  *response = ToProto(*state);
  return absl::OkStatus();
}

absl::Status ListRuns(Backend& backend, const v1::ListProbeRunsRequest& request,
                      v1::ListProbeRunsResponse* response) {
  STEER_ASSIGN_OR_RETURN(const int page_size, ToPageSize(request.page_size()));
  STEER_ASSIGN_OR_RETURN(
      const Page<ProbeRun> page,
      backend.runtime.signals().ListProbeRuns(request.signal(), page_size, request.page_token()));
  for (const ProbeRun& run : page.items) *response->add_runs() = ToProto(run);
  response->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerUnaryReactor* ProbeService::SetProbe(grpc::CallbackServerContext* context,
                                                 const v1::SetProbeRequest* request,
                                                 v1::Probe* response) {
  return RunUnary(backend_.calls, context,
                  [this, request, response] { return Set(backend_, *request, response); });
}

grpc::ServerUnaryReactor* ProbeService::DeleteProbe(grpc::CallbackServerContext* context,
                                                    const v1::DeleteProbeRequest* request,
                                                    v1::DeleteProbeResponse*) {
  return RunUnary(backend_.calls, context,
                  [this, request] { return backend_.runtime.DeleteProbe(request->signal()); });
}

grpc::ServerUnaryReactor* ProbeService::ListProbes(grpc::CallbackServerContext* context,
                                                   const v1::ListProbesRequest*,
                                                   v1::ListProbesResponse* response) {
  return RunUnary(backend_.calls, context, [this, response] {
    for (const ProbeState& state : backend_.runtime.probes())
      *response->add_probes() = ToProto(state);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ProbeService::ListProbeRuns(grpc::CallbackServerContext* context,
                                                      const v1::ListProbeRunsRequest* request,
                                                      v1::ListProbeRunsResponse* response) {
  return RunUnary(backend_.calls, context,
                  [this, request, response] { return ListRuns(backend_, *request, response); });
}

}  // namespace steer
