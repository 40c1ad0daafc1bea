#include "server/analysis_service.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/worker_stream.h"

namespace steer {
namespace {

using ScoreStream = WorkerStream<v1::ScoreResponse>;

// Tells the odds gauges of a score of exactly one signal.
class GaugeFeed {
 public:
  GaugeFeed(Backend& backend, const ResolvedControl& control)
      : backend_(backend), control_(control) {
    const absl::StatusOr<SignalRecord> record = backend.runtime.signals().Get(control.signal_id);
    if (!record.ok()) return;
    // A vector has only the part that the bias multiplier scales.
    multiplier_ = record->kind == SignalKind::kVector ? control.m2 : control.m1;
    default_multiplier_ = record->default_multiplier;
    label_ = backend.LabelOf(control);
  }

  void Add(const ScorePoint& point) {
    if (!label_ || !Current()) return;
    backend_.metrics->odds().Set(
        {.label = *label_,
         .signal_id = control_.signal_id,
         .x = RelativeMultiplier(multiplier_ * point.multiplier, default_multiplier_),
         .mean = point.mean,
         .sum = point.sum});
  }

 private:
  // A score may outlive the alias it was asked for: its numbers then belong to nobody's name.
  bool Current() {
    if (*label_ == "other") return true;
    const absl::StatusOr<SignalRecord> record = backend_.runtime.signals().Get(*label_);
    return record.ok() && record->id == control_.signal_id;
  }

  Backend& backend_;
  const ResolvedControl control_;
  double multiplier_ = 0;
  double default_multiplier_ = 1;
  std::optional<std::string> label_;
};

// The points next to 0: all that the slope at 0 needs.
class PointsAtZero {
 public:
  void Add(const ScorePoint& point) {
    std::optional<ScorePoint>& place = point.multiplier < 0   ? below_
                                       : point.multiplier > 0 ? above_
                                                              : zero_;
    if (!place || std::abs(point.multiplier) < std::abs(place->multiplier)) place = point;
  }

  std::optional<PreferenceSlope> Slope() const {
    std::vector<ScorePoint> points;
    for (const auto* place : {&below_, &zero_, &above_}) {
      if (*place) points.push_back(**place);
    }
    return SlopeAtZero(points, LossMode::kMean);
  }

 private:
  std::optional<ScorePoint> below_;
  std::optional<ScorePoint> zero_;
  std::optional<ScorePoint> above_;
};

// The same controls, bound to the versions that were found, so that the summary tells what acted
// even if an alias moves meanwhile.
std::vector<ControlSpec> Pinned(const std::vector<ControlSpec>& specs,
                                const std::vector<ResolvedControl>& resolved) {
  std::vector<ControlSpec> pinned = specs;
  for (size_t i = 0; i < pinned.size(); ++i) {
    pinned[i].signal = resolved[i].signal_id;
    pinned[i].multiplier = resolved[i].m1;
    pinned[i].bias_multiplier = resolved[i].m2;
    pinned[i].positions = resolved[i].positions;
  }
  return pinned;
}

v1::ScoreResponse Summary(const Backend& backend, const ScoreSpec& spec,
                          const std::vector<ResolvedControl>& resolved,
                          const PointsAtZero& points) {
  v1::ScoreResponse response;
  v1::ScoreSummary& summary = *response.mutable_summary();
  summary.set_pairs(static_cast<int>(spec.pairs.size()));
  for (const ResolvedControl& control : resolved) *summary.add_controls() = ToProto(control);
  summary.set_model_fingerprint(backend.runtime.model().fingerprint);
  if (const std::optional<PreferenceSlope> slope = points.Slope()) {
    *summary.mutable_slope() = ToProto(*slope);
  }
  return response;
}

absl::Status RunScore(Backend& backend, const v1::ScoreRequest& request, ScoreStream& stream) {
  STEER_ASSIGN_OR_RETURN(ScoreSpec spec, ToScoreSpec(request));
  STEER_ASSIGN_OR_RETURN(const std::vector<ResolvedControl> resolved,
                         backend.runtime.Resolve(spec.controls));
  spec.controls = Pinned(spec.controls, resolved);
  std::optional<GaugeFeed> gauges;
  if (resolved.size() == 1) gauges.emplace(backend, resolved.front());
  PointsAtZero points;
  STEER_RETURN_IF_ERROR(backend.runtime.Score(
      spec, [&] { return stream.cancelled(); },
      [&](const ScorePoint& point) {
        if (gauges) gauges->Add(point);
        points.Add(point);
        v1::ScoreResponse response;
        *response.mutable_point() = ToProto(point, request.omit_pairs());
        return stream.Write(std::move(response));
      }));
  if (!stream.Write(Summary(backend, spec, resolved, points))) {
    return absl::CancelledError("the caller has left");
  }
  return absl::OkStatus();
}

}  // namespace

grpc::ServerWriteReactor<v1::ScoreResponse>* AnalysisService::Score(
    grpc::CallbackServerContext* context, const v1::ScoreRequest* request) {
  auto* const stream = new ScoreStream(context);
  const absl::Status posted = backend_.scores.Post([this, request, stream] {
    stream->End(stream->cancelled() ? absl::CancelledError("the caller has left")
                                    : RunScore(backend_, *request, *stream));
  });
  if (!posted.ok()) stream->End(posted);
  return stream;
}

}  // namespace steer
