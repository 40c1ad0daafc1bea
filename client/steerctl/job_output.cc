#include "client/steerctl/job_output.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/curve_output.h"
#include "client/steerctl/job_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/progress.h"
#include "client/steerctl/terminal.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<v1::Job> WatchJob(Client& client, const std::string& id, std::stop_token stop) {
  Progress progress;
  const auto on_change = [&](const v1::Job& now) {
    return progress.Show(StateText(now.state()), now.done(), now.total(), TrainingText(now));
  };
  absl::StatusOr<v1::Job> watched = client.WatchJob(id, on_change, std::move(stop));
  progress.End();
  return watched;
}

absl::Status ShowEnd(const Session& session, const v1::Job& job) {
  Print(session.json ? Dump(ToJson(job)) : Details(job));
  if (job.state() == v1::Job::SUCCEEDED) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the job ", StateText(job.state()),
                                         job.error().empty() ? "" : ": ", job.error()));
}

absl::Status WriteLayerMap(Client& client, const v1::Job& job, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  if (job.layers().empty())
    return UsageError(InvalidField("--svg", "a job without a search", "one with layers"));
  MapPlot plot;
  for (const v1::LayerOutcome& layer : job.layers()) {
    STEER_ASSIGN_OR_RETURN(v1::Curve curve, client.GetCurve(layer.curve_id()));
    plot.curves.push_back(std::move(curve));
    plot.signals.push_back(
        LabelOf(client, layer.signal_id(), absl::StrCat("layer ", layer.layer())));
  }
  return WriteSvg(plot, path);
}

}  // namespace steer
