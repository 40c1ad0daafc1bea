#include "server/score_call.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/analysis/curve_report.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/curve_points.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/progress_reports.h"

namespace steer {
namespace {

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

bool IsAboutControls(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = DetailOf(status);
  return detail && absl::StartsWith(detail->field, "controls");
}

// One set of controls of a call, which has several like it.
struct SetNumber {
  int index = 0;
  int count = 1;
};

// Scores one set and adds its part to the summary.
absl::Status ScoreSet(Backend& backend, ScoreSpec spec, SetNumber set, bool omit_pairs,
                      ScoreStream& stream, v1::ScoreSummary& summary) {
  absl::StatusOr<std::vector<ResolvedControl>> found = backend.runtime.Resolve(spec.controls);
  STEER_ASSIGN_OR_RETURN(const std::vector<ResolvedControl> resolved, std::move(found));
  spec.controls = Pinned(spec.controls, resolved);
  std::optional<GaugeFeed> gauges;
  if (resolved.size() == 1) gauges.emplace(backend, resolved.front());
  PointsAtZero points;
  ScoreListener listener;
  listener.on_point = [&](const ScorePoint& point) {
    if (gauges) gauges->Add(point);
    points.Add(point);
    v1::ScoreResponse response;
    *response.mutable_point() = ToProto(point, omit_pairs);
    response.mutable_point()->set_control_set(set.index);
    return stream.Write(std::move(response));
  };
  ProgressReports reports;
  listener.on_progress = [&](int64_t done, int64_t total) {
    if (!reports.IsTime()) return true;
    v1::ScoreResponse response;
    response.mutable_progress()->set_done(set.index * total + done);
    response.mutable_progress()->set_total(set.count * total);
    return stream.Write(std::move(response));
  };
  STEER_RETURN_IF_ERROR(backend.runtime.Score(spec, [&] { return stream.cancelled(); }, listener));
  v1::ControlSetSummary& own = *summary.add_control_sets();
  for (const ResolvedControl& control : resolved) *own.add_controls() = ToProto(control);
  if (const std::optional<PreferenceSlope> slope = points.Slope())
    *own.mutable_slope() = ToProto(*slope);
  return absl::OkStatus();
}

// Measures one curve of a call and tells it.
absl::Status SweepOne(Backend& backend, const SweepSpec& spec, SetNumber number,
                      SweepStream& stream) {
  ScoreListener listener;
  listener.on_point = [&](const ScorePoint& point) {
    v1::SweepResponse response;
    *response.mutable_point() = ToProto(point, /*omit_pairs=*/true);
    response.mutable_point()->set_control_set(number.index);
    return stream.Write(std::move(response));
  };
  ProgressReports reports;
  listener.on_progress = [&](int64_t done, int64_t total) {
    if (!reports.IsTime()) return true;
    v1::SweepResponse response;
    response.mutable_progress()->set_done(number.index * total + done);
    response.mutable_progress()->set_total(number.count * total);
    return stream.Write(std::move(response));
  };
  STEER_ASSIGN_OR_RETURN(const CurveRecord curve,
                         backend.runtime.Sweep(spec, [&] { return stream.cancelled(); }, listener));
  const CurveSummary summary = SummariseCurve(PointsOf(curve));
  v1::SweepResponse response;
  *response.mutable_curve() = ToProto(curve, &summary);
  if (!stream.Write(std::move(response))) return absl::CancelledError("the caller has left");
  return absl::OkStatus();
}

}  // namespace

absl::Status AboutControls(const absl::Status& status, const std::string& control) {
  std::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail) return status;
  for (const auto& [known_as, name] :
       {std::pair<absl::string_view, std::string>{"controls[0]", control},
        {"controls[1]", "second.control"}}) {
    if (!absl::StartsWith(detail->field, known_as)) continue;
    detail->field = absl::StrCat(name, detail->field.substr(known_as.size()));
    return FieldError(status.code(), *std::move(detail));
  }
  return status;
}

absl::Status RunScore(Backend& backend, const v1::ScoreRequest& request, ScoreStream& stream) {
  STEER_ASSIGN_OR_RETURN(const std::vector<ScoreSpec> specs, ToScoreSpecs(request));
  v1::ScoreResponse response;
  v1::ScoreSummary& summary = *response.mutable_summary();
  summary.set_pairs(request.pairs_size());
  summary.set_model_fingerprint(backend.runtime.model().fingerprint);
  const int count = static_cast<int>(specs.size());
  for (int i = 0; i < count; ++i) {
    const absl::Status scored =
        ScoreSet(backend, specs[i], {i, count}, request.omit_pairs(), stream, summary);
    if (scored.ok()) continue;
    // Where there are several, the error says which.
    const bool named = request.control_sets_size() > 0 && IsAboutControls(scored);
    return named ? Within(absl::StrCat("control_sets[", i, "]"), scored) : scored;
  }
  *summary.mutable_controls() = summary.control_sets(0).controls();
  if (summary.control_sets(0).has_slope())
    *summary.mutable_slope() = summary.control_sets(0).slope();
  if (!stream.Write(std::move(response))) return absl::CancelledError("the caller has left");
  return absl::OkStatus();
}

absl::Status RunSweep(Backend& backend, const v1::SweepRequest& request, SweepStream& stream) {
  STEER_ASSIGN_OR_RETURN(const std::vector<SweepSpec> specs, ToSweepSpecs(request));
  const int count = static_cast<int>(specs.size());
  for (int i = 0; i < count; ++i) {
    const absl::Status swept = SweepOne(backend, specs[i], {i, count}, stream);
    if (swept.ok()) continue;
    return AboutControls(swept,
                         request.family_size() > 0 ? absl::StrCat("family[", i, "]") : "control");
  }
  return absl::OkStatus();
}

absl::Status RunMeasureText(Backend& backend, const v1::MeasureTextRequest& request,
                            TextStream& stream) {
  STEER_ASSIGN_OR_RETURN(const TextSpec spec, ToTextSpec(request));
  return backend.runtime.MeasureTexts(
      spec, [&] { return stream.cancelled(); },
      [&](const TextPoint& point) {
        v1::MeasureTextResponse response;
        *response.mutable_point() = ToProto(point, request.omit_texts());
        return stream.Write(std::move(response));
      });
}

}  // namespace steer
