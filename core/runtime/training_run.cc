#include "core/runtime/training_run.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "c10/core/ScalarType.h"
#include "core/base/catch_torch.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "core/learn/norm_statistics.h"
#include "core/learn/preference_vector.h"
#include "core/runtime/part_of_job.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

// Among a checkpoint's notes: what is known of the run beside its trainer.
constexpr char kRunKey[] = "run";

// What the graph of one piece may hold.
constexpr int64_t kGraphBytes = int64_t{384} << 20;

// Rows whose graph fits there, if blocks from the carrier's on run. A block keeps, of each row, six
// vectors of the residual width (what the norms read, queries, keys, values and their sum) and
// three of the MLP's; a feature shift ten of its features, in fp32.
int RowsThatFit(const Decoder& decoder, const Carrier& carrier) {
  const ModelConfig& config = decoder.config();
  const int64_t blocks = std::max(1, config.layers - carrier.first_layer());
  const int64_t elements = blocks * (6 * config.hidden + 3 * config.ffn);
  auto bytes = elements * static_cast<int64_t>(c10::elementSize(decoder.dtype()));
  if (const SignalData* const autoencoder = carrier.spec().autoencoder.get()) {
    const int64_t features = autoencoder->updates.front().tensors.at("b_enc").shape[0];
    bytes += 10 * features * static_cast<int64_t>(sizeof(float));
  }
  return static_cast<int>(std::clamp<int64_t>(kGraphBytes / bytes, 1, 4096));
}

// Texts by which norms are measured.
constexpr size_t kMostNormTexts = 32;
// A checkpoint is written after so long, or after so many times what the last one took.
constexpr double kCheckpointSeconds = 30;
constexpr double kCheckpointPatience = 20;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

// A run as it goes: the trainer, what held-out pairs have said, and what is told of both.
class Running {
 public:
  // `checkpoint` may be null: then it neither goes on from one nor writes it.
  Running(std::unique_ptr<Trainer> trainer, const TrainingRun& run, JobCheckpoint* checkpoint,
          JobContext* context)
      : trainer_(std::move(trainer)),
        run_(run),
        checkpoint_(checkpoint),
        context_(*context),
        stop_(run.early_stop),
        every_(run.early_stop.every > 0 ? run.early_stop.every
                                        : std::max(1, run.params.steps / 10)) {
    Restore();
  }

  absl::Status ToTheEnd();
  const TrainingProgress& progress() const { return progress_; }
  const EarlyStop& stop() const { return stop_; }
  double seconds() const { return seconds_before_ + Seconds(begin_); }

 private:
  void Restore();
  absl::Status Save();
  absl::Status Look();
  absl::Status CountSteps();
  void Tell();

  const std::unique_ptr<Trainer> trainer_;
  const TrainingRun& run_;
  JobCheckpoint* const checkpoint_;
  JobContext& context_;
  EarlyStop stop_;
  const int every_;
  TrainingProgress progress_;
  int64_t tokens_ = 0;
  double seconds_before_ = 0;  // a restart
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point saved_ = begin_;
  double save_seconds_ = 0;  // what the last took
};

using Json = nlohmann::json;

Json ToJson(const std::optional<double>& number) { return number ? Json(*number) : Json(); }

std::optional<double> ToNumber(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<double>());
}

Json ToJson(const std::optional<HeldOutReport>& report) {
  if (!report) return {};
  return {report->step, report->loss, report->preference, ToJson(report->utility)};
}

std::optional<HeldOutReport> ToHeldOut(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return HeldOutReport{json.at(0).get<int>(), json.at(1).get<double>(), json.at(2).get<double>(),
                       ToNumber(json.at(3))};
}

Json ToJson(const StepReport& step) {
  return {step.step, step.loss, step.winning_loss, ToJson(step.losing_loss)};
}

StepReport ToStep(const Json& json) {
  return {.step = json.at(0).get<int>(),
          .loss = json.at(1).get<double>(),
          .winning_loss = json.at(2).get<double>(),
          .losing_loss = ToNumber(json.at(3))};
}

// What is not the trainer's own comes with its file, as JSON.
void Running::Restore() {
  if (checkpoint_ == nullptr || checkpoint_->run().empty()) return;
  const absl::StatusOr<Trainer::Notes> notes = trainer_->Restore(checkpoint_->run());
  if (!notes.ok()) return;  // it begins anew
  try {
    const Json json = Json::parse(notes->at(kRunKey));
    tokens_ = json.at("tokens").get<int64_t>();
    seconds_before_ = json.at("seconds").get<double>();
    progress_.last = ToStep(json.at("last"));
    progress_.held_out = ToHeldOut(json.at("held_out"));
    stop_ = EarlyStop(run_.early_stop, ToHeldOut(json.at("best")), json.at("looks").get<int>());
  } catch (const std::exception&) {
    // Another version's: the trainer goes on all the same.
  }
}

absl::Status Running::Save() {
  if (checkpoint_ == nullptr) return absl::OkStatus();
  const Clock::time_point begin = Clock::now();
  const Json json = {{"tokens", tokens_},
                     {"seconds", seconds()},
                     {"last", ToJson(progress_.last)},
                     {"held_out", ToJson(progress_.held_out)},
                     {"best", ToJson(stop_.best())},
                     {"looks", stop_.looks_since()}};
  Trainer::Notes notes = checkpoint_->notes();
  notes[kRunKey] = json.dump();
  STEER_RETURN_IF_ERROR(checkpoint_->Save(trainer_->Save(notes)));
  saved_ = Clock::now();
  save_seconds_ = Seconds(begin);
  return absl::OkStatus();
}

absl::Status Running::Look() {
  STEER_ASSIGN_OR_RETURN(progress_.held_out, trainer_->Judge());
  if (stop_.Note(*progress_.held_out) && run_.early_stop.patience > 0) trainer_->KeepBest();
  return absl::OkStatus();
}

void Running::Tell() {
  const double seconds = this->seconds();
  progress_.steps = run_.params.steps;
  progress_.tokens_per_second = static_cast<double>(tokens_) / seconds;
  progress_.seconds_left = seconds / progress_.last.step * (progress_.steps - progress_.last.step);
  context_.Trained(progress_);
}

// CANCELLED if the job is to stop.
absl::Status Running::CountSteps() {
  if (context_.Progress(trainer_->steps_done(), run_.params.steps)) return absl::OkStatus();
  if (context_.interrupted()) STEER_RETURN_IF_ERROR(Save());
  return absl::CancelledError("the job was cancelled");
}

absl::Status Running::ToTheEnd() {
  while (!trainer_->done() && !stop_.done()) {
    STEER_RETURN_IF_ERROR(CountSteps());
    STEER_ASSIGN_OR_RETURN(progress_.last, trainer_->Step());
    tokens_ += progress_.last.tokens;
    const int done = trainer_->steps_done();
    if (!run_.held_out.empty() && (done % every_ == 0 || trainer_->done()))
      STEER_RETURN_IF_ERROR(Look());
    Tell();
    if (Seconds(saved_) > std::max(kCheckpointSeconds, kCheckpointPatience * save_seconds_))
      STEER_RETURN_IF_ERROR(Save());
  }
  STEER_RETURN_IF_ERROR(CountSteps());
  // It may be interrupted in what comes next: the second half, or the judgement.
  if (run_.subtract_swapped || !run_.held_out.empty()) STEER_RETURN_IF_ERROR(Save());
  if (run_.early_stop.patience > 0) trainer_->TakeBest();
  return absl::OkStatus();
}

absl::StatusOr<NormStatistics> MeasureNorms(const EngineScorer::Place& place,
                                            const std::vector<ContrastPair>& pairs,
                                            const std::vector<SignalTerm>& terms, int layer) {
  NormStatistics norms;
  for (size_t i = 0; i < std::min(pairs.size(), kMostNormTexts); ++i) {
    STEER_RETURN_IF_ERROR(place.pool->engine().RunUnit([&] {
      return CatchTorch("measuring norms", [&] {
        norms.Add(*place.decoder, pairs[i].positive, terms, layer);
        return absl::OkStatus();
      });
    }));
  }
  return norms;
}

// How much larger this model's residual stream is than that which the factors are meant for.
absl::StatusOr<double> ScaleOf(const EngineScorer::Place& place, const TrainingRun& run) {
  if (!run.reference_norm) return 1.0;
  const int layer = run.carrier.places.front().first.layer;
  STEER_ASSIGN_OR_RETURN(const NormStatistics norms, MeasureNorms(place, run.pairs, {}, layer));
  return norms.activation.Mean() / *run.reference_norm;
}

absl::StatusOr<LearntSignal> TrainOnce(const EngineScorer::Place& place, TrainingRun run,
                                       JobCheckpoint* checkpoint, JobContext& context) {
  STEER_ASSIGN_OR_RETURN(const double scale, ScaleOf(place, run));
  for (double& factor : run.params.schedule.factors) factor *= scale;
  Carrier start = Carrier::Create(run.carrier, place.decoder->config().shape(),
                                  run.params.schedule.seed, place.decoder->device());
  const int most_rows = RowsThatFit(*place.decoder, start);
  const auto run_unit = [pool = place.pool](const Engine::Unit& unit) {
    return pool->engine().RunUnit(unit);
  };
  Trainer::Parts parts = {
      .decoder = place.decoder, .run_unit = run_unit, .unit_rows = [pool = place.pool, most_rows] {
        return pool->in_flight() > 0 ? 0 : most_rows;
      }};
  STEER_ASSIGN_OR_RETURN(
      std::unique_ptr<Trainer> trainer,
      Trainer::Create(std::move(parts), std::move(start), run.pairs, run.params, run.held_out));
  const Carrier& carrier = trainer->carrier();
  Running running(std::move(trainer), run, checkpoint, &context);
  STEER_RETURN_IF_ERROR(running.ToTheEnd());
  STEER_ASSIGN_OR_RETURN(const NormStatistics norms,
                         MeasureNorms(place, run.pairs, carrier.Terms(place.decoder->dtype()),
                                      run.carrier.places.back().first.layer));
  // Half as far again as it was trained at.
  const std::vector<double>& factors = run.params.schedule.factors;
  LearntSignal learnt = {.signal = carrier.ToSignal(),
                         .reach = 1.5 * *std::max_element(factors.begin(), factors.end())};
  const StepReport& last = running.progress().last;
  learnt.results = {{"steps", last.step},
                    {"loss", last.loss},
                    {"winning_loss", last.winning_loss},
                    {"norm", NormOf(learnt.signal)},
                    {"mean_activation_norm", norms.activation.Mean()},
                    {"mean_change_norm", norms.change.Mean()},
                    {"factor_scale", scale},
                    {"seconds", running.seconds()},
                    {"tokens_per_second", running.progress().tokens_per_second}};
  if (last.losing_loss) learnt.results.emplace("losing_loss", *last.losing_loss);
  if (running.stop().best()) {
    learnt.results.emplace("best_step", running.stop().best()->step);
    learnt.results.emplace("best_held_out_loss", running.stop().best()->loss);
  }
  return learnt;
}

}  // namespace

absl::StatusOr<LearntSignal> Train(const EngineScorer::Place& place, TrainingRun run,
                                   JobCheckpoint& checkpoint, JobContext& context) {
  if (!run.subtract_swapped) return TrainOnce(place, std::move(run), &checkpoint, context);
  PartOfJob first(&context, 0, 2), second(&context, 1, 2);
  STEER_ASSIGN_OR_RETURN(LearntSignal learnt, TrainOnce(place, run, &checkpoint, first));
  for (std::vector<ContrastPair>* pairs : {&run.pairs, &run.held_out})
    for (ContrastPair& pair : *pairs) std::swap(pair.positive, pair.negative);
  // After a restart the first half is at its end and this one begins anew.
  STEER_ASSIGN_OR_RETURN(const LearntSignal swapped,
                         TrainOnce(place, std::move(run), /*checkpoint=*/nullptr, second));
  learnt.signal = Difference(learnt.signal, swapped.signal);
  learnt.results["norm"] = NormOf(learnt.signal);
  learnt.results["seconds"] += swapped.results.at("seconds");
  learnt.results.erase("mean_change_norm");  // of the first half alone
  learnt.results.emplace("swapped_loss", swapped.results.at("loss"));
  return learnt;
}

}  // namespace steer
