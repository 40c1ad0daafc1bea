#include <iterator>
#include <utility>

#include "client/client_calls.h"
#include "client/client_impl.h"
#include "client/steer_client.h"
#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<v1::Probe> Client::SetProbe(const v1::SetProbeRequest& request) {
  return Unary(impl_->options, *impl_->probes, &v1::ProbeService::StubInterface::SetProbe, request);
}

absl::Status Client::DeleteProbe(const std::string& signal) {
  v1::DeleteProbeRequest request;
  request.set_signal(signal);
  return Unary(impl_->options, *impl_->probes, &v1::ProbeService::StubInterface::DeleteProbe,
               request)
      .status();
}

absl::StatusOr<std::vector<v1::Probe>> Client::ListProbes() {
  STEER_ASSIGN_OR_RETURN(
      v1::ListProbesResponse response,
      Unary(impl_->options, *impl_->probes, &v1::ProbeService::StubInterface::ListProbes, {}));
  return std::vector<v1::Probe>(std::make_move_iterator(response.mutable_probes()->begin()),
                                std::make_move_iterator(response.mutable_probes()->end()));
}

absl::StatusOr<std::vector<v1::ProbeRun>> Client::ListProbeRuns(const std::string& signal) {
  v1::ListProbeRunsRequest request;
  request.set_signal(signal);
  return AllPages(impl_->options, *impl_->probes, &v1::ProbeService::StubInterface::ListProbeRuns,
                  &v1::ListProbeRunsResponse::mutable_runs, std::move(request));
}

}  // namespace steer
