#include "core/runtime/extraction_run.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/learn/extraction.h"
#include "core/signal/site.h"

namespace steer {
namespace {

LearntSignal ToSignal(Extraction extraction, int pairs) {
  const double activation_norm = extraction.activation_norms.Mean();
  LearntSignal made;
  made.results = {{"layer", extraction.layer},
                  {"pairs", pairs},
                  {"norm", extraction.norm},
                  {"difference_norm", extraction.difference_norm},
                  {"mean_activation_norm", activation_norm},
                  {"activation_tokens", static_cast<double>(extraction.activation_norms.tokens)}};
  const auto tell = [&made](const char* name, std::optional<double> value) {
    if (value) made.results.emplace(name, *value);
  };
  tell("explained_share", extraction.explained_share);
  tell("features", extraction.features);
  tell("accuracy", extraction.accuracy);
  tell("held_out_accuracy", extraction.held_out_accuracy);
  // There it adds as much as there is.
  made.reach = extraction.norm > 0 ? activation_norm / extraction.norm : 1;
  SiteUpdate& update = made.signal.updates.emplace_back();
  update.site = {extraction.layer, SiteKind::kBlockOut};
  update.tensors.emplace("v", std::move(extraction.v));
  return made;
}

// The largest multiplier that the method's authors have tried.
constexpr double kKvReach = 10;

// `kv` [2 * kv_width], keys and then values.
SiteUpdate ToKvUpdate(int layer, std::span<const float> kv, double key_factor,
                      const ModelShape& shape) {
  const auto width = static_cast<size_t>(shape.kv_width);
  const std::vector<int64_t> sizes = {shape.kv_heads, shape.kv_width / shape.kv_heads};
  SiteUpdate update = {.site = {layer, SiteKind::kKv}, .tensors = {}};
  update.tensors.emplace("S_v", HostTensor::FromFloats(sizes, kv.subspan(width)));
  if (key_factor == 0) return update;
  std::vector<float> keys(kv.begin(), kv.begin() + static_cast<std::ptrdiff_t>(width));
  for (float& key : keys) key = static_cast<float>(key * key_factor);
  update.tensors.emplace("S_k", HostTensor::FromFloats(sizes, keys));
  return update;
}

absl::StatusOr<std::vector<Extraction>> ExtractAll(const ReadActivations& read,
                                                   const std::vector<ReadPair>& pairs,
                                                   const std::vector<int>& layers,
                                                   const ExtractionParams& params,
                                                   JobContext& context) {
  return Extract(pairs, layers, params, read,
                 [&context](int done, int total) { return context.Progress(done, total); });
}

}  // namespace

absl::StatusOr<std::vector<ReadPair>> PlaceReading(const std::vector<PolarPair>& pairs,
                                                   std::vector<ContrastPair> texts, Reading reading,
                                                   const Tokenizer& tokenizer) {
  std::vector<ReadPair> placed;
  placed.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string field = absl::StrCat("pairs[", i, "]");
    if (reading == Reading::kPromptLast && !pairs[i].negative_question) {
      return InvalidField(field + ".negative_question", "none",
                          "one: answers behind one question share their prompt's last token");
    }
    STEER_ASSIGN_OR_RETURN(
        const TokenRange positive,
        FindReading(reading, texts[i].positive, pairs[i].positive, tokenizer, field + ".positive"));
    STEER_ASSIGN_OR_RETURN(
        const TokenRange negative,
        FindReading(reading, texts[i].negative, pairs[i].negative, tokenizer, field + ".negative"));
    placed.push_back(
        {{std::move(texts[i].positive), positive}, {std::move(texts[i].negative), negative}});
  }
  return placed;
}

absl::StatusOr<std::vector<LearntSignal>> ExtractSignals(const ReadActivations& read,
                                                         const std::vector<ReadPair>& pairs,
                                                         const std::vector<int>& layers,
                                                         const ExtractionParams& params,
                                                         JobContext& context) {
  // Nothing of libtorch below, but memory may run out as there.
  return CatchTorch("extracting", [&]() -> absl::StatusOr<std::vector<LearntSignal>> {
    STEER_ASSIGN_OR_RETURN(std::vector<Extraction> extractions,
                           ExtractAll(read, pairs, layers, params, context));
    std::vector<LearntSignal> signals;
    signals.reserve(extractions.size());
    for (Extraction& extraction : extractions)
      signals.push_back(ToSignal(std::move(extraction), static_cast<int>(pairs.size())));
    return signals;
  });
}

absl::StatusOr<LearntSignal> ExtractKv(const ReadActivations& read,
                                       const std::vector<ReadPair>& pairs,
                                       const ExtractionParams& params, const ModelShape& shape,
                                       JobContext& context) {
  return CatchTorch("extracting", [&]() -> absl::StatusOr<LearntSignal> {
    const auto& method = std::get<KvDifferenceParams>(params.method);
    std::vector<int> layers(static_cast<size_t>(shape.layers - method.first_layer));
    std::iota(layers.begin(), layers.end(), method.first_layer);
    STEER_ASSIGN_OR_RETURN(const std::vector<Extraction> extractions,
                           ExtractAll(read, pairs, layers, params, context));
    LearntSignal made;
    made.reach = kKvReach;
    made.signal.kind = SignalKind::kKv;
    made.signal.default_positions.generated = false;
    for (const Extraction& layer : extractions) {
      made.signal.updates.push_back(
          ToKvUpdate(layer.layer, layer.v.floats(), method.key_factor, shape));
    }
    made.results = {{"first_layer", method.first_layer},
                    {"layers", static_cast<double>(layers.size())},
                    {"pairs", static_cast<double>(pairs.size())},
                    {"norm", NormOf(made.signal)}};
    return made;
  });
}

}  // namespace steer
