#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/client_options.h"
#include "steer/v1/analysis.pb.h"
#include "steer/v1/generation.pb.h"
#include "steer/v1/learning.pb.h"
#include "steer/v1/model.pb.h"
#include "steer/v1/probe.pb.h"
#include "steer/v1/signal.pb.h"

namespace steer {

// A connection to one steerd. Every method blocks; errors carry the server's message, and the
// field, what came, what is allowed and the retry delay (DetailOf and RetryDelayMs of
// core/base/status.h). Thread-safe.
//
// Streaming methods call back on the calling thread, once per message in the order of the stream.
// A callback that returns false, or a stop of `stop` from another thread, cancels the call, which
// then returns CANCELLED.
class Client {
 public:
  // INVALID_ARGUMENT for an address without a port; UNAVAILABLE if nobody answered within
  // `connect_seconds`. Without these a missing server shows at the first call.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const ClientOptions& options);
  ~Client();

  // "SERVING" or "NOT_SERVING"; NOT_FOUND for a service that the server does not have. Empty: the
  // server as a whole.
  absl::StatusOr<std::string> Health(const std::string& service);

  absl::StatusOr<v1::Model> GetModel();
  absl::StatusOr<v1::TokenizeResponse> Tokenize(const v1::TokenizeRequest& request);
  absl::StatusOr<std::string> Detokenize(const v1::DetokenizeRequest& request);

  using OnGeneration = std::function<bool(const v1::GenerateResponse&)>;
  absl::Status Generate(const v1::GenerateRequest& request, const OnGeneration& on_event,
                        std::stop_token stop = {});
  // A stream that broke off can be resumed: client/generation_progress.h.
  absl::StatusOr<v1::UpdateGenerationResponse> UpdateGeneration(
      const v1::UpdateGenerationRequest& request);

  absl::StatusOr<v1::RegisterSignalResponse> UploadSignal(absl::string_view file,
                                                          const UploadOptions& options);
  absl::StatusOr<v1::Signal> GetSignal(const std::string& name_or_id);
  absl::StatusOr<std::vector<v1::Signal>> ListSignals();  // all pages, newest first
  absl::Status DeleteSignal(const std::string& id, bool with_aliases);
  absl::StatusOr<v1::Alias> SetAlias(const v1::SetAliasRequest& request);
  absl::Status DeleteAlias(const std::string& name);
  absl::StatusOr<std::vector<v1::Alias>> ListAliases();  // all pages, by name

  absl::StatusOr<v1::ScoreSummary> Score(const v1::ScoreRequest& request,
                                         const AnalysisEvents& events, std::stop_token stop = {});
  // Returns the curves as they are kept: one, or one for each of the family in its order. Of a
  // family that was not finished, those that on_curve told are kept, too.
  absl::StatusOr<std::vector<v1::Curve>> Sweep(const v1::SweepRequest& request,
                                               const SweepEvents& events,
                                               std::stop_token stop = {});
  absl::StatusOr<v1::FitCurveResponse> FitCurve(const v1::FitCurveRequest& request);
  absl::StatusOr<v1::RecommendMultiplierResponse> RecommendMultiplier(
      const v1::RecommendMultiplierRequest& request);
  using OnText = std::function<bool(const v1::TextPoint&)>;
  absl::Status MeasureText(const v1::MeasureTextRequest& request, const OnText& on_point,
                           std::stop_token stop = {});
  // Either event may be empty.
  struct ManifoldEvents {
    std::function<bool(const v1::ScoreProgress&)> on_progress;
    std::function<bool(const v1::ManifoldPoint&)> on_point;
  };
  absl::StatusOr<v1::ManifoldSummary> ViewManifold(const v1::ViewManifoldRequest& request,
                                                   const ManifoldEvents& events,
                                                   std::stop_token stop = {});
  absl::StatusOr<v1::Curve> GetCurve(const std::string& id);
  // All pages, newest first, without points; of one signal (alias or id) unless empty.
  absl::StatusOr<std::vector<v1::Curve>> ListCurves(const std::string& signal);
  absl::Status DeleteCurve(const std::string& id);
  absl::StatusOr<v1::Probe> SetProbe(const v1::SetProbeRequest& request);
  absl::Status DeleteProbe(const std::string& signal);
  absl::StatusOr<std::vector<v1::Probe>> ListProbes();  // by signal
  // All pages, newest first.
  absl::StatusOr<std::vector<v1::ProbeRun>> ListProbeRuns(const std::string& signal);

  // The header's size and hash are set here.
  absl::StatusOr<v1::Dataset> UploadDataset(absl::string_view file, v1::UploadDatasetHeader header);
  absl::StatusOr<v1::Dataset> GetDataset(const std::string& name_or_id);
  absl::StatusOr<std::vector<v1::Dataset>> ListDatasets();  // all pages, newest first
  absl::Status DeleteDataset(const std::string& id);
  absl::StatusOr<v1::Alias> PromoteDraft(const v1::PromoteDraftRequest& request);

  absl::StatusOr<v1::Job> StartJob(const v1::StartJobRequest& request);
  absl::StatusOr<v1::Job> GetJob(const std::string& id);
  // Returns the job as it ended.
  using OnJob = std::function<bool(const v1::Job&)>;
  absl::StatusOr<v1::Job> WatchJob(const std::string& id, const OnJob& on_change,
                                   std::stop_token stop = {});
  absl::StatusOr<std::vector<v1::Job>> ListJobs();  // all pages, newest first
  absl::StatusOr<v1::Job> CancelJob(const std::string& id);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace steer
