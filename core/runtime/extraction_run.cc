#include "core/runtime/extraction_run.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
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

}  // namespace

absl::StatusOr<std::vector<ReadPair>> PlaceReading(const std::vector<PolarPair>& pairs,
                                                   std::vector<ContrastPair> texts, Reading reading,
                                                   const Tokenizer& tokenizer) {
  std::vector<ReadPair> placed;
  placed.reserve(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string field = absl::StrCat("pairs[", i, "]");
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
                           Extract(pairs, layers, params, read, [&context](int done, int total) {
                             return context.Progress(done, total);
                           }));
    std::vector<LearntSignal> signals;
    signals.reserve(extractions.size());
    for (Extraction& extraction : extractions)
      signals.push_back(ToSignal(std::move(extraction), static_cast<int>(pairs.size())));
    return signals;
  });
}

}  // namespace steer
