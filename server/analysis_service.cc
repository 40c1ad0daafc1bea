#include "server/analysis_service.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/analysis/curve_report.h"
#include "core/analysis/recommend.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/curve_points.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/manifold_call.h"
#include "server/score_call.h"
#include "server/unary.h"

namespace steer {
namespace {

// A call that streams from a worker thread.
template <typename Response, typename Request>
WorkerStream<Response>* RunStream(Backend& backend, grpc::CallbackServerContext* context,
                                  const Request* request,
                                  absl::Status (*run)(Backend&, const Request&,
                                                      WorkerStream<Response>&)) {
  auto* const stream = new WorkerStream<Response>(context);
  const absl::Status posted = backend.scores.Post([&backend, request, stream, run] {
    stream->End(stream->cancelled() ? absl::CancelledError("the caller has left")
                                    : run(backend, *request, *stream));
  });
  if (!posted.ok()) stream->End(posted);
  return stream;
}

absl::StatusOr<CurveRecord> FindCurve(Backend& backend, const std::string& id) {
  STEER_RETURN_IF_ERROR(CheckId("curve_id", id));
  return backend.runtime.signals().GetCurve(id);
}

// The laws are about one multiplier.
absl::StatusOr<CurveRecord> FindCurveOfOne(Backend& backend, const std::string& id) {
  STEER_ASSIGN_OR_RETURN(CurveRecord curve, FindCurve(backend, id));
  if (!curve.second) return curve;
  return FieldError(
      absl::StatusCode::kFailedPrecondition,
      {"CURVE_OF_TWO", "curve_id", absl::StrCat(Quoted(id), ", a curve of two signals"),
       "a curve of one; those of two serve a budget in Generate"});
}

absl::Status Fit(Backend& backend, const v1::FitCurveRequest& request,
                 v1::FitCurveResponse* response) {
  STEER_ASSIGN_OR_RETURN(const FitSpec spec, ToFitSpec(request));
  STEER_ASSIGN_OR_RETURN(const CurveRecord curve, FindCurveOfOne(backend, request.curve_id()));
  const std::vector<ScorePoint> points = PointsOf(curve);
  STEER_ASSIGN_OR_RETURN(const FitReport report,
                         ReportFit(points, spec.mode, spec.bootstrap, spec.band_points));
  *response = ToProto(report);
  const CurveSummary summary = SummariseCurve(points);
  *response->mutable_curve() = ToProto(curve, &summary);
  return absl::OkStatus();
}

// Generated text has the last word: the numbers are then of the multiplier that it leaves.
absl::Status CheckOnText(Backend& backend, const CurveRecord& curve, const SignalCurves& curves,
                         const RecommendSpec& spec, const std::function<bool()>& cancelled,
                         Recommendation& recommendation, v1::TextCheck* answer) {
  STEER_ASSIGN_OR_RETURN(const TextCheck check, backend.runtime.CheckOnText(
                                                    curve, recommendation.prediction.multiplier,
                                                    *spec.check, spec.max_nll_increase, cancelled));
  *answer = ToProto(check);
  if (check.multiplier == recommendation.prediction.multiplier) return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(recommendation.prediction,
                         PredictAt(curves, check.multiplier, spec.direction));
  const Prediction& left = recommendation.prediction;
  recommendation.feasible = spec.max_utility_loss
                                ? left.utility_loss <= *spec.max_utility_loss
                                : left.preference_gain >= *spec.min_preference_gain;
  return absl::OkStatus();
}

absl::Status Recommend(Backend& backend, const v1::RecommendMultiplierRequest& request,
                       const std::function<bool()>& cancelled,
                       v1::RecommendMultiplierResponse* response) {
  STEER_ASSIGN_OR_RETURN(const RecommendSpec spec, ToRecommendSpec(request));
  STEER_ASSIGN_OR_RETURN(const CurveRecord curve, FindCurveOfOne(backend, request.curve_id()));
  STEER_ASSIGN_OR_RETURN(const SignalCurves curves, ToSignalCurves(PointsOf(curve)));
  STEER_ASSIGN_OR_RETURN(Recommendation recommendation,
                         spec.max_utility_loss
                             ? RecommendWithinBudget(curves, *spec.max_utility_loss, spec.direction)
                             : RecommendForGain(curves, *spec.min_preference_gain, spec.direction));
  v1::TextCheck check;
  if (spec.check) {
    STEER_RETURN_IF_ERROR(
        CheckOnText(backend, curve, curves, spec, cancelled, recommendation, &check));
  }
  *response = ToProto(recommendation);
  if (spec.check) *response->mutable_check() = std::move(check);
  *response->mutable_curve() = ToProto(curve, nullptr);
  return absl::OkStatus();
}

absl::Status List(Backend& backend, const v1::ListCurvesRequest& request,
                  v1::ListCurvesResponse* response) {
  STEER_ASSIGN_OR_RETURN(const int page_size, ToPageSize(request.page_size()));
  SignalStore& store = backend.runtime.signals();
  std::string signal_id;
  if (!request.signal().empty()) {
    STEER_ASSIGN_OR_RETURN(const SignalRecord signal, store.Get(request.signal()));
    signal_id = signal.id;
  }
  STEER_ASSIGN_OR_RETURN(const Page<CurveRecord> page,
                         store.ListCurves(signal_id, page_size, request.page_token()));
  for (const CurveRecord& curve : page.items) *response->add_curves() = ToProto(curve, nullptr);
  response->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerWriteReactor<v1::ScoreResponse>* AnalysisService::Score(
    grpc::CallbackServerContext* context, const v1::ScoreRequest* request) {
  return RunStream(backend_, context, request, &RunScore);
}

grpc::ServerWriteReactor<v1::SweepResponse>* AnalysisService::Sweep(
    grpc::CallbackServerContext* context, const v1::SweepRequest* request) {
  return RunStream(backend_, context, request, &RunSweep);
}

grpc::ServerWriteReactor<v1::MeasureTextResponse>* AnalysisService::MeasureText(
    grpc::CallbackServerContext* context, const v1::MeasureTextRequest* request) {
  return RunStream(backend_, context, request, &RunMeasureText);
}

grpc::ServerWriteReactor<v1::ViewManifoldResponse>* AnalysisService::ViewManifold(
    grpc::CallbackServerContext* context, const v1::ViewManifoldRequest* request) {
  return RunStream(backend_, context, request, &RunViewManifold);
}

// Fits take a moment of a processor each, so they wait in the queue of the scores.
grpc::ServerUnaryReactor* AnalysisService::FitCurve(grpc::CallbackServerContext* context,
                                                    const v1::FitCurveRequest* request,
                                                    v1::FitCurveResponse* response) {
  return RunUnary(backend_.scores, context,
                  [this, request, response] { return Fit(backend_, *request, response); });
}

grpc::ServerUnaryReactor* AnalysisService::RecommendMultiplier(
    grpc::CallbackServerContext* context, const v1::RecommendMultiplierRequest* request,
    v1::RecommendMultiplierResponse* response) {
  return RunUnary(backend_.scores, context, [this, context, request, response] {
    return Recommend(backend_, *request, [context] { return context->IsCancelled(); }, response);
  });
}

grpc::ServerUnaryReactor* AnalysisService::GetCurve(grpc::CallbackServerContext* context,
                                                    const v1::GetCurveRequest* request,
                                                    v1::Curve* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const CurveRecord curve, FindCurve(backend_, request->curve_id()));
    const CurveSummary summary = SummariseCurve(PointsOf(curve));
    *response = ToProto(curve, &summary);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AnalysisService::ListCurves(grpc::CallbackServerContext* context,
                                                      const v1::ListCurvesRequest* request,
                                                      v1::ListCurvesResponse* response) {
  return RunUnary(backend_.calls, context,
                  [this, request, response] { return List(backend_, *request, response); });
}

grpc::ServerUnaryReactor* AnalysisService::DeleteCurve(grpc::CallbackServerContext* context,
                                                       const v1::DeleteCurveRequest* request,
                                                       v1::DeleteCurveResponse*) {
  return RunUnary(backend_.calls, context, [this, request]() -> absl::Status {
    STEER_RETURN_IF_ERROR(CheckId("curve_id", request->curve_id()));
    return backend_.runtime.signals().DeleteCurve(request->curve_id());
  });
}

}  // namespace steer
