#include "core/runtime/learning_jobs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/part_of_job.h"
#include "core/store/payload_folder.h"

namespace steer {
namespace {

std::string LearnerName(const LearnSpec& spec) {
  const auto* const train = std::get_if<TrainSpec>(&spec.learner);
  return std::string(train != nullptr ? Name(train->params.objective)
                                      : Name(std::get<ExtractionSpec>(spec.learner).params.method));
}

// The layer that gains most within the budget; nullptr if none gains anything.
const LayerOutcome* Best(const std::vector<LayerOutcome>& layers) {
  const LayerOutcome* best = nullptr;
  for (const LayerOutcome& layer : layers) {
    if (layer.preference_gain && (!best || *layer.preference_gain > *best->preference_gain))
      best = &layer;
  }
  return best;
}

}  // namespace

LearningJobs::LearningJobs(const Parts& parts)
    : parts_(parts),
      learners_(parts.model, parts.admission, parts.tokenizer, parts.pools),
      signals_(parts.model, parts.scoring, parts.store),
      datasets_(parts.store),
      log_(parts.store),
      queue_(&log_) {}

absl::StatusOr<std::unique_ptr<LearningJobs>> LearningJobs::Create(const Parts& parts) {
  std::unique_ptr<LearningJobs> jobs(new LearningJobs(parts));
  STEER_ASSIGN_OR_RETURN(std::vector<StoreJobLog::Entry> entries, jobs->log_.Read());
  for (StoreJobLog::Entry& entry : entries) {
    jobs->queue_.Restore(entry.record);
    if (!Finished(entry.record.state)) jobs->unfinished_.push_back(std::move(entry));
  }
  return jobs;
}

absl::StatusOr<JobRecord> LearningJobs::Start(LearnSpec spec) {
  JobRecord record = {.learner = LearnerName(spec), .settings = spec.settings};
  const std::string definition = spec.definition;
  STEER_ASSIGN_OR_RETURN(Plan plan, Prepare(std::move(spec), std::move(record)));
  record = plan.record;
  return queue_.Start(std::move(record), definition, WorkOf(std::move(plan)));
}

void LearningJobs::Resume(const ReadDefinition& read) {
  for (StoreJobLog::Entry& entry : std::exchange(unfinished_, {})) {
    const std::string id = entry.record.id;
    absl::StatusOr<JobWork> work = WorkAgain(read(entry.definition), std::move(entry.record));
    queue_.Resume(id, std::move(work));
  }
}

absl::StatusOr<JobWork> LearningJobs::WorkAgain(absl::StatusOr<LearnSpec> spec,
                                                JobRecord record) const {
  STEER_RETURN_IF_ERROR(spec.status());
  STEER_ASSIGN_OR_RETURN(Plan plan, Prepare(*std::move(spec), std::move(record)));
  return WorkOf(std::move(plan));
}

absl::Status LearningJobs::DeleteDataset(absl::string_view id) {
  for (const JobRecord& job : queue_.List()) {
    if (Finished(job.state) || (job.dataset != id && job.held_out_dataset != id)) continue;
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"DATASET_IN_USE", "dataset", absl::StrCat("the data set of ", job.id),
                       "one of no unfinished job"});
  }
  return parts_.store->DeleteDataset(id);
}

absl::Status LearningJobs::ReadExamples(LearnSpec& spec, JobRecord& record) const {
  const auto read = [this](const std::optional<DatasetSelection>& selection, const char* field,
                           std::string& id, std::vector<PolarPair>& pairs) -> absl::Status {
    if (!selection) return absl::OkStatus();
    DatasetSelection rows = *selection;
    if (!id.empty()) rows.dataset = id;  // what the name meant when the job started
    absl::StatusOr<Datasets::Rows> found = datasets_.Read(rows);
    if (!found.ok()) return Within(field, found.status());
    id = found->id;
    pairs = std::move(found->pairs);
    return absl::OkStatus();
  };
  STEER_RETURN_IF_ERROR(read(spec.dataset, "dataset", record.dataset, spec.pairs));
  return read(spec.held_out_dataset, "held_out_dataset", record.held_out_dataset, spec.held_out);
}

absl::Status LearningJobs::ReadAutoencoder(LearnSpec& spec) const {
  auto* const train = std::get_if<TrainSpec>(&spec.learner);
  auto* const extraction = std::get_if<ExtractionSpec>(&spec.learner);
  auto* const selection = extraction == nullptr
                              ? nullptr
                              : std::get_if<FeatureSelectionParams>(&extraction->params.method);
  const std::string& id = train != nullptr ? train->autoencoder : extraction->autoencoder;
  if (id.empty()) return absl::OkStatus();  // the learner says if it lacks one
  const char* const field =
      train != nullptr ? "training.autoencoder" : "extraction.feature_selection.autoencoder";
  if (!IsSignalId(id)) {
    return InvalidField(field, Quoted(id),
                        "a signal's id: an alias may move before the job goes on after a restart");
  }
  absl::StatusOr<SignalData> signal = parts_.store->Load(id);
  if (absl::IsNotFound(signal.status())) return NotFound(field, "signal", id);
  STEER_RETURN_IF_ERROR(signal.status());
  auto autoencoder = std::make_shared<const SignalData>(*std::move(signal));
  if (train != nullptr) train->carrier.autoencoder = std::move(autoencoder);
  if (selection != nullptr) selection->autoencoder = std::move(autoencoder);
  return absl::OkStatus();
}

absl::StatusOr<LearningJobs::Plan> LearningJobs::Prepare(LearnSpec spec, JobRecord record) const {
  STEER_RETURN_IF_ERROR(ReadExamples(spec, record));
  STEER_RETURN_IF_ERROR(ReadAutoencoder(spec));
  Plan plan;
  plan.origin = {.job = "",
                 .learner = record.learner,
                 .settings = record.settings,
                 .dataset = record.dataset,
                 .held_out_dataset = record.held_out_dataset,
                 .pairs_sha256 = HashOf(spec.pairs),
                 .pairs = static_cast<int>(spec.pairs.size())};
  STEER_ASSIGN_OR_RETURN(plan.learners, learners_.Of(spec));
  if (spec.search && spec.held_out.empty())
    return InvalidField("held_out", "no pairs", "some, by which a search compares layers");
  if (!spec.held_out.empty()) {
    PairSetSpec held_out;
    held_out.pairs = WithOneQuestion(spec.held_out);
    held_out.system = spec.system;
    // Told now, and not when everything is learnt.
    STEER_RETURN_IF_ERROR(Within("held_out", parts_.scoring->Check(held_out, {})));
  }
  spec.pairs.clear();  // they are in the learners, as tokens
  spec.definition.clear();
  plan.spec = std::move(spec);
  plan.record = std::move(record);
  return plan;
}

JobWork LearningJobs::WorkOf(Plan plan) const {
  return [this, plan = std::make_shared<const Plan>(std::move(plan))](JobContext& context) {
    return Run(*plan, context);
  };
}

absl::StatusOr<JobOutcome> LearningJobs::Run(const Plan& plan, JobContext& context) const {
  JobCheckpoint checkpoint(parts_.store, context.id(), parts_.model->fingerprint);
  if (plan.spec.search) return Search(plan, checkpoint, context);
  STEER_ASSIGN_OR_RETURN(LearntSignals::Kept kept,
                         Learn(plan, plan.learners.front(), checkpoint, context));
  const absl::StatusOr<std::string> name = signals_.SetName(plan.spec, kept.signal_id);
  if (!name.ok()) {
    signals_.Drop(kept);
    return name.status();
  }
  return JobOutcome{.signal_id = kept.signal_id,
                    .curve_id = kept.curve_id,
                    .name = *name,
                    .results = std::move(kept.results)};
}

absl::StatusOr<LearntSignals::Kept> LearningJobs::Learn(const Plan& plan, const Learner& learner,
                                                        JobCheckpoint& checkpoint,
                                                        JobContext& context) const {
  STEER_ASSIGN_OR_RETURN(LearntSignal learnt, learner(context, checkpoint));
  SignalOrigin origin = plan.origin;
  origin.job = context.id();
  return signals_.Keep(plan.spec, std::move(learnt), origin,
                       [&context] { return context.stopped(); });
}

absl::StatusOr<JobOutcome> LearningJobs::Search(const Plan& plan, JobCheckpoint& checkpoint,
                                                JobContext& context) const {
  const std::vector<int>& layers = plan.spec.search->layers;
  std::vector<LearntSignals::Kept> made;  // since the last restart
  while (checkpoint.layers().size() < layers.size()) {
    const size_t next = checkpoint.layers().size();
    PartOfJob part(&context, next, layers.size());
    absl::StatusOr<LearntSignals::Kept> kept = Learn(plan, plan.learners[next], checkpoint, part);
    absl::Status status = kept.status();
    if (status.ok()) {
      made.push_back(*kept);
      kept->outcome.layer = layers[next];
      status = checkpoint.Add(kept->outcome);
    }
    if (status.ok()) {
      part.Complete();
      continue;
    }
    // What is interrupted goes on from here; otherwise nothing is left behind.
    if (!context.interrupted())
      std::for_each(made.begin(), made.end(),
                    [this](const auto& signal) { signals_.Drop(signal); });
    return status;
  }
  JobOutcome outcome = {.layers = checkpoint.layers()};
  const LayerOutcome* const best = Best(outcome.layers);
  if (best == nullptr) return outcome;
  STEER_ASSIGN_OR_RETURN(outcome.name, signals_.SetName(plan.spec, best->signal_id));
  outcome.signal_id = best->signal_id;
  outcome.curve_id = best->curve_id;
  outcome.results = {{"layer", best->layer}};
  return outcome;
}

}  // namespace steer
