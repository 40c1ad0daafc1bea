#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/analysis/curve_report.h"
#include "core/analysis/recommend.h"
#include "core/runtime/runtime.h"
#include "google/protobuf/repeated_field.h"
#include "steer/v1/analysis.pb.h"
#include "steer/v1/common.pb.h"
#include "steer/v1/generation.pb.h"
#include "steer/v1/learning.pb.h"
#include "steer/v1/model.pb.h"
#include "steer/v1/signal.pb.h"

namespace steer {

// What a header says of the file behind it.
struct FileMark {
  int64_t size = 0;
  std::string sha256;  // lower-case hex
};

// Requests into what the runtime takes. Syntax only: valid UTF-8, counts, sizes, finite numbers,
// spellings of ids and names, page sizes. What a value means for this model is admission's
// business. Errors are INVALID_ARGUMENT and name the field by its path in the request.

absl::StatusOr<PromptSpec> ToPromptSpec(const v1::Prompt& prompt);
absl::StatusOr<GenerateSpec> ToGenerateSpec(const v1::GenerateRequest& request);
// Only a generation runs through positions one after another: where `with_changes` is false,
// `controls[i].changes` are refused.
absl::StatusOr<std::vector<ControlSpec>> ToControlSpecs(
    const google::protobuf::RepeatedPtrField<v1::Control>& controls, bool with_changes);
SamplingSpec ToSamplingSpec(const v1::Sampling& sampling);
absl::StatusOr<ControlSpec> ToControlSpec(const v1::Control& control, const std::string& field);

// A change of a running request's multipliers: at least one of the two.
struct MultiplierUpdate {
  RequestId request_id = 0;
  std::string signal;
  std::optional<double> multiplier;
  std::optional<double> bias_multiplier;
};
absl::StatusOr<MultiplierUpdate> ToMultiplierUpdate(const v1::UpdateGenerationRequest& request);

absl::StatusOr<std::vector<PolarPair>> ToPolarPairs(
    const google::protobuf::RepeatedPtrField<v1::PolarPair>& pairs, bool to_learn = false);
// One for each set of controls.
absl::StatusOr<std::vector<ScoreSpec>> ToScoreSpecs(const v1::ScoreRequest& request);
// One for each curve.
absl::StatusOr<std::vector<SweepSpec>> ToSweepSpecs(const v1::SweepRequest& request);

// How a kept curve is to be fitted; no bands without a bootstrap.
struct FitSpec {
  LossMode mode = LossMode::kMean;
  std::optional<BootstrapParams> bootstrap;
  int band_points = 0;
};
absl::StatusOr<FitSpec> ToFitSpec(const v1::FitCurveRequest& request);

// What a multiplier is wanted for: exactly one of the two.
struct RecommendSpec {
  std::optional<double> max_utility_loss;
  std::optional<double> min_preference_gain;
  Direction direction = Direction::kMorePreference;
  // Texts that are to confirm it, without controls and multipliers.
  std::optional<TextSpec> check;
  double max_nll_increase = 0;  // nats per token
};
absl::StatusOr<TextSpec> ToTextSpec(const v1::MeasureTextRequest& request);
absl::StatusOr<ManifoldSpec> ToManifoldSpec(const v1::ViewManifoldRequest& request);
absl::StatusOr<RecommendSpec> ToRecommendSpec(const v1::RecommendMultiplierRequest& request);
// With its definition and its settings.
absl::StatusOr<LearnSpec> ToLearnSpec(const v1::StartJobRequest& request);
// What a definition, which ToLearnSpec made, means. DATA_LOSS, or INVALID_ARGUMENT where an older
// server allowed more.
absl::StatusOr<LearnSpec> ReadDefinition(const std::string& definition);

// What goes along with an upload, once its header has been found sound.
struct UploadHeader {
  FileMark file;  // 1 byte .. 1 GiB
  std::map<std::string, std::string> labels;
  std::string description;
  std::string alias;
};
absl::StatusOr<UploadHeader> ToUploadHeader(const v1::RegisterSignalHeader& header);

struct DatasetHeader {
  FileMark file;  // 1 byte .. kMaxDatasetBytes
  DatasetReading reading;
  std::string name;
  std::string description;
};
absl::StatusOr<DatasetHeader> ToDatasetHeader(const v1::UploadDatasetHeader& header);

inline constexpr int64_t kMaxUploadBytes = int64_t{1} << 30;
inline constexpr size_t kMaxChunkBytes = size_t{1} << 20;

absl::Status CheckCount(absl::string_view field, int count, int least, int most);
absl::Status CheckFinite(absl::string_view field, double value);
absl::Status CheckUtf8(absl::string_view field, absl::string_view text);
bool IsSpeltAsId(absl::string_view text);  // 64 lower-case hex digits
absl::Status CheckId(absl::string_view field, absl::string_view id);
// 1 to 128 characters of [A-Za-z0-9._/-] that are not an id.
absl::Status CheckAliasName(absl::string_view field, absl::string_view name);
// 1 .. 1000; 0 means 100.
absl::StatusOr<int> ToPageSize(int32_t page_size);

}  // namespace steer
