#include "server/manifold_call.h"

#include <cstdint>
#include <utility>

#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/progress_reports.h"
#include "server/score_call.h"

namespace steer {

absl::Status RunViewManifold(Backend& backend, const v1::ViewManifoldRequest& request,
                             ManifoldStream& stream) {
  STEER_ASSIGN_OR_RETURN(const ManifoldSpec spec, ToManifoldSpec(request));
  ManifoldListener listener;
  listener.on_point = [&](const ManifoldPoint& point) {
    v1::ViewManifoldResponse response;
    *response.mutable_point() = ToProto(point);
    return stream.Write(std::move(response));
  };
  ProgressReports reports;
  listener.on_progress = [&](int64_t done, int64_t total) {
    if (!reports.IsTime()) return true;
    v1::ViewManifoldResponse response;
    response.mutable_progress()->set_done(done);
    response.mutable_progress()->set_total(total);
    return stream.Write(std::move(response));
  };
  const absl::StatusOr<ManifoldSummary> summary =
      backend.runtime.ViewManifold(spec, [&] { return stream.cancelled(); }, listener);
  if (!summary.ok()) return AboutControls(summary.status(), "control");
  v1::ViewManifoldResponse response;
  *response.mutable_summary() = ToProto(*summary);
  response.mutable_summary()->set_model_fingerprint(backend.runtime.model().fingerprint);
  if (!stream.Write(std::move(response))) return absl::CancelledError("the caller has left");
  return absl::OkStatus();
}

}  // namespace steer
