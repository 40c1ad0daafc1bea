#include "core/runtime/learning_jobs.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/analysis/preference_utility_scorer.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/signal/signal_data.h"
#include "core/signal/site.h"

namespace steer {

absl::StatusOr<JobRecord> LearningJobs::Start(const LearnSpec& spec) {
  if (spec.layer >= model_->shape.layers) {
    return InvalidField("difference_of_means.layer", absl::StrCat(spec.layer),
                        absl::StrCat("0..", model_->shape.layers - 1));
  }
  const int layer = spec.layer < 0 ? model_->shape.layers / 2 : spec.layer;
  // As the method's own code does it: the answer without the end-of-turn suffix.
  STEER_ASSIGN_OR_RETURN(
      const std::vector<TokenPair> pairs,
      admission_->Pairs(spec.pairs,
                        {.system = spec.system, .form = admission_->form(), .end_of_turn = false}));
  std::vector<ContrastPair> contrast;
  contrast.reserve(pairs.size());
  for (const TokenPair& pair : pairs)
    contrast.push_back({pair.positive.front(), pair.negative.front()});
  return queue_.Start("difference_of_means",
                      [this, spec, layer, contrast = std::move(contrast)](JobContext& context) {
                        return Learn(spec, layer, contrast, context);
                      });
}

absl::StatusOr<JobOutcome> LearningJobs::Learn(const LearnSpec& spec, int layer,
                                               const std::vector<ContrastPair>& pairs,
                                               JobContext& context) const {
  STEER_ASSIGN_OR_RETURN(const MeanActivation activation, pools_->ActivationReader());
  STEER_ASSIGN_OR_RETURN(DifferenceOfMeansResult learnt,
                         LearnDifferenceOfMeans(pairs, layer, activation, [&](int done, int total) {
                           return context.Progress(done, total);
                         }));
  SignalData signal;
  signal.kind = SignalKind::kVector;
  signal.updates.push_back(
      {.site = {layer, SiteKind::kBlockOut}, .read = Read::kSiteInput, .tensors = {}});
  signal.updates[0].tensors.emplace("v", std::move(learnt.v));
  signal.marks = model_->marks;
  signal.default_positions.exclude_template_head = admission_->has_chat_template();
  STEER_RETURN_IF_ERROR(Validate(signal, model_->shape));
  STEER_ASSIGN_OR_RETURN(const SignalStore::PutResult put,
                         store_->Put(signal, spec.labels, spec.description));
  if (!spec.alias.empty()) {
    STEER_RETURN_IF_ERROR(store_->SetAlias(spec.alias, put.record.id, std::nullopt).status());
  }
  return JobOutcome{.signal_id = put.record.id,
                    .results = {{"layer", layer},
                                {"norm", learnt.norm},
                                {"mean_activation_norm", learnt.mean_activation_norm},
                                {"pairs", learnt.pairs}}};
}

}  // namespace steer
