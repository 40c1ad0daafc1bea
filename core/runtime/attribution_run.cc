#include "core/runtime/attribution_run.h"

#include <optional>
#include <utility>

#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/learn/attribution.h"
#include "core/learn/preference_vector.h"
#include "core/runtime/extraction_run.h"
#include "core/runtime/part_of_job.h"

namespace steer {
namespace {

// Texts as they are, beside the same with some tokens replaced.
struct Ablations {
  std::vector<ReadPair> for_positive;  // without what speaks for the positive answer
  std::vector<ReadPair> for_negative;  // without what speaks for the negative one
};

ReadText Without(ReadText text, const std::vector<int>& positions, TokenId replacement) {
  for (const int position : positions) text.text.tokens[position] = replacement;
  return text;
}

absl::StatusOr<Ablations> Ablate(const EngineScorer::Place& place,
                                 const AttributedExtraction& extraction, JobContext& context) {
  const AttributionParams& params = *extraction.params.attribution;
  const auto run_unit = [pool = place.pool](const Engine::Unit& unit) {
    return pool->engine().RunUnit(unit);
  };
  const int total = static_cast<int>(extraction.pairs->size());
  Ablations ablations;
  for (int i = 0; i < total; ++i) {
    if (!context.Progress(i, total)) return absl::CancelledError("the job was cancelled");
    const ReadPair& pair = (*extraction.pairs)[static_cast<size_t>(i)];
    STEER_ASSIGN_OR_RETURN(const Attribution attribution,
                           AttributeTokens(place.decoder, {pair.positive.text, pair.negative.text},
                                           params.steps, run_unit));
    const int first = OrdinaryTokens(pair.positive.text).begin;
    for (const bool negative : {false, true}) {
      const std::vector<int> positions = MostImportant(attribution, first, params.tokens, negative);
      if (positions.empty()) continue;
      auto& list = negative ? ablations.for_negative : ablations.for_positive;
      for (const ReadText* text : {&pair.positive, &pair.negative})
        list.push_back({*text, Without(*text, positions, extraction.replacement)});
    }
  }
  return ablations;
}

// 0 - v.
SignalData Negative(const SignalData& vector) {
  SignalData nothing = vector;
  HostTensor& v = nothing.updates.front().tensors.at("v");
  v = HostTensor::FromFloats(v.shape, std::vector<float>(v.floats().size()));
  return Difference(nothing, vector);
}

}  // namespace

absl::StatusOr<std::vector<LearntSignal>> ExtractAttributed(const EngineScorer::Place& place,
                                                            const ReadActivations& read,
                                                            const AttributedExtraction& extraction,
                                                            JobContext& context) {
  PartOfJob attributing(&context, 0, 2), reading(&context, 1, 2);
  STEER_ASSIGN_OR_RETURN(const Ablations ablations, Ablate(place, extraction, attributing));
  const auto extract = [&](const std::vector<ReadPair>& pairs) {
    return ExtractSignals(read, pairs, extraction.layers, extraction.params, reading);
  };
  const AttributionParams::Side side = extraction.params.attribution->side;
  std::vector<LearntSignal> made;
  if (side != AttributionParams::Side::kNegative) {
    STEER_ASSIGN_OR_RETURN(made, extract(ablations.for_positive));
    if (side == AttributionParams::Side::kPositive) return made;
  }
  STEER_ASSIGN_OR_RETURN(std::vector<LearntSignal> against, extract(ablations.for_negative));
  for (size_t i = 0; i < against.size(); ++i) {
    // What speaks for the negative answer points away from the positive one.
    against[i].signal =
        made.empty() ? Negative(against[i].signal) : Difference(made[i].signal, against[i].signal);
    const double norm = NormOf(against[i].signal);
    against[i].results["norm"] = norm;
    if (norm > 0) against[i].reach = against[i].results.at("mean_activation_norm") / norm;
  }
  return against;
}

}  // namespace steer
