#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "google/protobuf/util/json_util.h"
#include "server/convert.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

constexpr int kMostLayers = 1000;

absl::StatusOr<ExtractionMethod> ToMethod(const v1::Extraction& extraction) {
  switch (extraction.method_case()) {
    case v1::Extraction::kDifferenceOfMeans:
      return DifferenceOfMeansParams{};
    case v1::Extraction::kPrincipalComponent:
      return PrincipalComponentParams{.centred = extraction.principal_component().centred()};
    case v1::Extraction::kLinearProbe: {
      LinearProbeParams params;
      if (extraction.linear_probe().has_l2()) params.l2 = extraction.linear_probe().l2();
      return params;
    }
    case v1::Extraction::kFeatureSelection: {
      const v1::FeatureSelection& selection = extraction.feature_selection();
      FeatureSelectionParams params;
      if (selection.has_trim()) params.trim = selection.trim();
      if (selection.by() == v1::FeatureSelection::ACTIVATION)
        params.by = FeatureSelectionParams::By::kActivation;
      if (selection.by() == v1::FeatureSelection::FREQUENCY)
        params.by = FeatureSelectionParams::By::kFrequency;
      return params;
    }
    case v1::Extraction::kKvDifference: {
      KvDifferenceParams params;
      const v1::KvDifference& message = extraction.kv_difference();
      if (message.has_first_layer()) params.first_layer = message.first_layer();
      if (message.has_key_factor()) params.key_factor = message.key_factor();
      return params;
    }
    case v1::Extraction::METHOD_NOT_SET:
      break;
  }
  return InvalidField("extraction.method", "nothing",
                      "difference_of_means, principal_component, linear_probe, "
                      "feature_selection or kv_difference");
}

absl::StatusOr<Reading> ToReading(v1::Extraction::Reading reading) {
  switch (reading) {
    case v1::Extraction::ANSWER_MEAN:
      return Reading::kAnswerMean;
    case v1::Extraction::ANSWER_FIRST:
      return Reading::kAnswerFirst;
    case v1::Extraction::ANSWER_LAST:
      return Reading::kAnswerLast;
    case v1::Extraction::ANSWER_LETTER:
      return Reading::kAnswerLetter;
    case v1::Extraction::TEXT_MEAN:
      return Reading::kTextMean;
    case v1::Extraction::PROMPT_LAST:
      return Reading::kPromptLast;
    default:
      return InvalidField("extraction.reading", absl::StrCat(reading),
                          "ANSWER_MEAN, ANSWER_FIRST, ANSWER_LAST, ANSWER_LETTER, TEXT_MEAN or "
                          "PROMPT_LAST");
  }
}

absl::StatusOr<Normalisation> ToNormalisation(v1::Extraction::Normalisation normalisation) {
  switch (normalisation) {
    case v1::Extraction::NONE:
      return Normalisation::kNone;
    case v1::Extraction::UNIT:
      return Normalisation::kUnit;
    case v1::Extraction::ACTIVATION_NORM:
      return Normalisation::kActivationNorm;
    default:
      return InvalidField("extraction.normalisation", absl::StrCat(normalisation),
                          "NONE, UNIT or ACTIVATION_NORM");
  }
}

AttributionParams ToParams(const v1::Attribution& attribution) {
  AttributionParams params;
  if (attribution.has_tokens()) params.tokens = attribution.tokens();
  if (attribution.has_steps()) params.steps = attribution.steps();
  if (attribution.side() == v1::Attribution::POSITIVE)
    params.side = AttributionParams::Side::kPositive;
  if (attribution.side() == v1::Attribution::NEGATIVE)
    params.side = AttributionParams::Side::kNegative;
  return params;
}

absl::StatusOr<ExtractionSpec> ToSpec(const v1::Extraction& extraction) {
  ExtractionSpec spec;
  STEER_ASSIGN_OR_RETURN(spec.params.method, ToMethod(extraction));
  STEER_ASSIGN_OR_RETURN(spec.params.reading, ToReading(extraction.reading()));
  STEER_ASSIGN_OR_RETURN(spec.params.normalisation, ToNormalisation(extraction.normalisation()));
  if (extraction.has_attribution()) spec.params.attribution = ToParams(extraction.attribution());
  spec.autoencoder = extraction.feature_selection().autoencoder();
  if (!extraction.has_layer()) return spec;
  spec.layer = extraction.layer();
  if (spec.layer >= 0) return spec;
  return InvalidField("extraction.layer", absl::StrCat(spec.layer), "a layer, counted from 0");
}

DatasetSelection ToSelection(const v1::DatasetRows& rows) {
  DatasetSelection selection = {.dataset = rows.dataset(),
                                .where = {rows.where().begin(), rows.where().end()},
                                .first = rows.first()};
  if (rows.has_count()) selection.count = rows.count();
  return selection;
}

// Pairs that came with the request or are rows of a data set.
absl::Status ReadExamples(const v1::StartJobRequest& request, LearnSpec& spec) {
  if (request.has_dataset()) {
    if (request.pairs_size() > 0)
      return InvalidField("dataset", "one beside pairs", "pairs or a data set");
    spec.dataset = ToSelection(request.dataset());
  } else {
    STEER_ASSIGN_OR_RETURN(spec.pairs, ToPolarPairs(request.pairs(), /*to_learn=*/true));
  }
  if (request.has_held_out_dataset()) {
    if (request.held_out_size() > 0)
      return InvalidField("held_out_dataset", "one beside held_out", "pairs or a data set");
    spec.held_out_dataset = ToSelection(request.held_out_dataset());
  } else if (request.held_out_size() > 0) {
    absl::StatusOr<std::vector<PolarPair>> held_out =
        ToPolarPairs(request.held_out(), /*to_learn=*/true);
    if (!held_out.ok()) return Within("held_out", held_out.status());
    spec.held_out = *std::move(held_out);
  }
  return absl::OkStatus();
}

absl::StatusOr<LayerSearch> ToSearch(const v1::LayerSearch& message) {
  STEER_RETURN_IF_ERROR(CheckCount("search.layers", message.layers_size(), 1, kMostLayers));
  LayerSearch search;
  search.layers.assign(message.layers().begin(), message.layers().end());
  const std::set<int> distinct(search.layers.begin(), search.layers.end());
  if (distinct.size() != search.layers.size())
    return InvalidField("search.layers", absl::StrJoin(search.layers, ","), "each layer once");
  if (message.has_max_utility_loss()) search.max_utility_loss = message.max_utility_loss();
  STEER_RETURN_IF_ERROR(CheckFinite("search.max_utility_loss", search.max_utility_loss));
  return search;
}

absl::Status ReadName(const v1::StartJobRequest& request, LearnSpec& spec) {
  spec.alias = request.alias();
  spec.promote = request.promote();
  if (spec.alias.empty()) {
    if (!spec.promote) return absl::OkStatus();
    return InvalidField("promote", "true without an alias", "an alias that the signal is to get");
  }
  return CheckAliasName("alias", spec.promote ? spec.alias : DraftOf(spec.alias));
}

// What the signal tells of how it was learnt: the request without its texts.
std::string SettingsOf(const v1::StartJobRequest& request) {
  v1::StartJobRequest settings = request;
  settings.clear_pairs();
  settings.clear_held_out();
  settings.clear_system();
  settings.clear_labels();
  settings.clear_description();
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(settings, &json, options).ok()) return "{}";
  return json;
}

}  // namespace

absl::StatusOr<LearnSpec> ReadDefinition(const std::string& definition) {
  v1::StartJobRequest request;
  if (definition.empty() || !request.ParseFromString(definition))
    return absl::DataLossError("the job's definition is damaged; start it again");
  return ToLearnSpec(request);
}

absl::StatusOr<DatasetHeader> ToDatasetHeader(const v1::UploadDatasetHeader& header) {
  DatasetHeader out;
  switch (header.format()) {
    case v1::UploadDatasetHeader::JSON_LINES:
      out.reading.format = DatasetFormat::kJsonLines;
      break;
    case v1::UploadDatasetHeader::CSV:
      out.reading.format = DatasetFormat::kCsv;
      break;
    default:
      return InvalidField("header.format", absl::StrCat(header.format()), "JSON_LINES or CSV");
  }
  STEER_ASSIGN_OR_RETURN(out.file, ToFileMark(header.size(), kMaxDatasetBytes, header.sha256()));
  if (!header.name().empty()) STEER_RETURN_IF_ERROR(CheckAliasName("header.name", header.name()));
  STEER_RETURN_IF_ERROR(CheckDescription("header.description", header.description()));
  out.reading.question = header.question();
  out.reading.positive = header.positive();
  out.reading.negative = header.negative();
  out.reading.negative_question = header.negative_question();
  out.reading.trim = header.trim();
  out.name = header.name();
  out.description = header.description();
  return out;
}

absl::StatusOr<LearnSpec> ToLearnSpec(const v1::StartJobRequest& request) {
  LearnSpec spec;
  STEER_RETURN_IF_ERROR(ReadExamples(request, spec));
  if (request.has_search()) {
    STEER_ASSIGN_OR_RETURN(spec.search, ToSearch(request.search()));
  }
  switch (request.learner_case()) {
    case v1::StartJobRequest::kExtraction: {
      STEER_ASSIGN_OR_RETURN(spec.learner, ToSpec(request.extraction()));
      break;
    }
    case v1::StartJobRequest::kTraining: {
      STEER_ASSIGN_OR_RETURN(spec.learner, ToTrainSpec(request.training()));
      break;
    }
    case v1::StartJobRequest::LEARNER_NOT_SET:
      return InvalidField("learner", "nothing", "extraction or training");
  }
  STEER_RETURN_IF_ERROR(CheckUtf8("system", request.system()));
  spec.system = request.system();
  STEER_RETURN_IF_ERROR(ReadName(request, spec));
  STEER_ASSIGN_OR_RETURN(spec.labels, ToLabels("labels", request.labels()));
  STEER_RETURN_IF_ERROR(CheckDescription("description", request.description()));
  spec.description = request.description();
  spec.definition = request.SerializeAsString();
  spec.settings = SettingsOf(request);
  return spec;
}

}  // namespace steer
