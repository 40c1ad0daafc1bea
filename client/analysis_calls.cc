#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/client_calls.h"
#include "client/client_impl.h"
#include "client/steer_client.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// Hands one message of Score, Sweep or ViewManifold on; what comes last goes by.
template <typename Events, typename Response>
bool Tell(const Events& events, const Response& response) {
  if (response.has_progress())
    return !events.on_progress || events.on_progress(response.progress());
  if (response.has_point()) return !events.on_point || events.on_point(response.point());
  return true;
}

}  // namespace

absl::StatusOr<v1::ScoreSummary> Client::Score(const v1::ScoreRequest& request,
                                               const AnalysisEvents& events, std::stop_token stop) {
  Call call(impl_->options, std::move(stop));
  const auto reader = impl_->analysis->Score(call.context(), request);
  std::optional<v1::ScoreSummary> summary;
  STEER_RETURN_IF_ERROR(ReadAll(call, *reader, [&](const v1::ScoreResponse& response) {
    if (response.has_summary()) summary = response.summary();
    return Tell(events, response);
  }));
  if (!summary) return absl::DataLossError("the stream ended without a summary");
  return *std::move(summary);
}

absl::StatusOr<std::vector<v1::Curve>> Client::Sweep(const v1::SweepRequest& request,
                                                     const SweepEvents& events,
                                                     std::stop_token stop) {
  Call call(impl_->options, std::move(stop));
  const auto reader = impl_->analysis->Sweep(call.context(), request);
  std::vector<v1::Curve> curves;
  STEER_RETURN_IF_ERROR(ReadAll(call, *reader, [&](const v1::SweepResponse& response) {
    if (!response.has_curve()) return Tell(events, response);
    curves.push_back(response.curve());
    return !events.on_curve || events.on_curve(response.curve());
  }));
  const size_t expected = static_cast<size_t>(std::max(request.family_size(), 1));
  if (curves.size() == expected) return curves;
  return absl::DataLossError(
      absl::StrCat("the stream ended after ", curves.size(), " of ", expected, " curves"));
}

absl::StatusOr<v1::FitCurveResponse> Client::FitCurve(const v1::FitCurveRequest& request) {
  return Unary(impl_->options, *impl_->analysis, &v1::AnalysisService::StubInterface::FitCurve,
               request);
}

absl::StatusOr<v1::RecommendMultiplierResponse> Client::RecommendMultiplier(
    const v1::RecommendMultiplierRequest& request) {
  return Unary(impl_->options, *impl_->analysis,
               &v1::AnalysisService::StubInterface::RecommendMultiplier, request);
}

absl::Status Client::MeasureText(const v1::MeasureTextRequest& request, const OnText& on_point,
                                 std::stop_token stop) {
  Call call(impl_->options, std::move(stop));
  const auto reader = impl_->analysis->MeasureText(call.context(), request);
  return ReadAll(call, *reader, [&](const v1::MeasureTextResponse& response) {
    return on_point(response.point());
  });
}

absl::StatusOr<v1::ManifoldSummary> Client::ViewManifold(const v1::ViewManifoldRequest& request,
                                                         const ManifoldEvents& events,
                                                         std::stop_token stop) {
  Call call(impl_->options, std::move(stop));
  const auto reader = impl_->analysis->ViewManifold(call.context(), request);
  std::optional<v1::ManifoldSummary> summary;
  STEER_RETURN_IF_ERROR(ReadAll(call, *reader, [&](const v1::ViewManifoldResponse& response) {
    if (response.has_summary()) summary = response.summary();
    return Tell(events, response);
  }));
  if (!summary) return absl::DataLossError("the stream ended without a summary");
  return *std::move(summary);
}

absl::StatusOr<v1::Curve> Client::GetCurve(const std::string& id) {
  v1::GetCurveRequest request;
  request.set_curve_id(id);
  return Unary(impl_->options, *impl_->analysis, &v1::AnalysisService::StubInterface::GetCurve,
               request);
}

absl::StatusOr<std::vector<v1::Curve>> Client::ListCurves(const std::string& signal) {
  v1::ListCurvesRequest request;
  request.set_signal(signal);
  return AllPages(impl_->options, *impl_->analysis, &v1::AnalysisService::StubInterface::ListCurves,
                  &v1::ListCurvesResponse::mutable_curves, std::move(request));
}

absl::Status Client::DeleteCurve(const std::string& id) {
  v1::DeleteCurveRequest request;
  request.set_curve_id(id);
  return Unary(impl_->options, *impl_->analysis, &v1::AnalysisService::StubInterface::DeleteCurve,
               request)
      .status();
}

}  // namespace steer
