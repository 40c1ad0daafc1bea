// Answers about data sets and jobs.

#include <string>

#include "server/answers.h"

namespace steer {
namespace {

v1::Job::State ToProto(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return v1::Job::QUEUED;
    case JobState::kRunning:
      return v1::Job::RUNNING;
    case JobState::kSucceeded:
      return v1::Job::SUCCEEDED;
    case JobState::kFailed:
      return v1::Job::FAILED;
    case JobState::kCancelled:
      return v1::Job::CANCELLED;
  }
  return v1::Job::STATE_UNSPECIFIED;
}

v1::HeldOutReport ToProto(const HeldOutReport& report) {
  v1::HeldOutReport out;
  out.set_step(report.step);
  out.set_loss(report.loss);
  out.set_preference(report.preference);
  if (report.utility) out.set_utility(*report.utility);
  return out;
}

v1::TrainingProgress ToProto(const TrainingProgress& progress) {
  v1::TrainingProgress out;
  out.set_step(progress.last.step);
  out.set_steps(progress.steps);
  out.set_loss(progress.last.loss);
  out.set_winning_loss(progress.last.winning_loss);
  if (progress.last.losing_loss) out.set_losing_loss(*progress.last.losing_loss);
  out.set_gradient_norm(progress.last.gradient_norm);
  out.set_learning_rate(progress.last.learning_rate);
  out.set_tokens_per_second(progress.tokens_per_second);
  out.set_seconds_left(progress.seconds_left);
  if (progress.held_out) *out.mutable_held_out() = ToProto(*progress.held_out);
  return out;
}

v1::LayerOutcome ToProto(const LayerOutcome& layer) {
  v1::LayerOutcome out;
  out.set_layer(layer.layer);
  out.set_signal_id(layer.signal_id);
  out.set_curve_id(layer.curve_id);
  if (layer.multiplier) out.set_multiplier(*layer.multiplier);
  if (layer.preference_gain) out.set_preference_gain(*layer.preference_gain);
  if (layer.utility_loss) out.set_utility_loss(*layer.utility_loss);
  return out;
}

}  // namespace

v1::Job ToProto(const JobRecord& record) {
  const JobOutcome& outcome = record.outcome;
  v1::Job out;
  out.set_id(record.id);
  out.set_state(ToProto(record.state));
  out.set_learner(record.learner);
  out.set_settings(record.settings);
  out.set_dataset_id(record.dataset);
  out.set_held_out_dataset_id(record.held_out_dataset);
  out.set_done(record.done);
  out.set_total(record.total);
  out.set_signal_id(outcome.signal_id);
  out.set_curve_id(outcome.curve_id);
  out.set_alias(outcome.name);
  out.mutable_results()->insert(outcome.results.begin(), outcome.results.end());
  for (const LayerOutcome& layer : outcome.layers) *out.add_layers() = ToProto(layer);
  if (record.state == JobState::kFailed) out.set_error(std::string(record.status.message()));
  out.set_created_unix_ms(record.created_unix_ms);
  out.set_finished_unix_ms(record.finished_unix_ms);
  if (record.training) *out.mutable_training() = ToProto(*record.training);
  return out;
}

v1::Dataset ToProto(const DatasetRecord& record) {
  v1::Dataset out;
  out.set_id(record.id);
  out.set_name(record.name);
  out.set_rows(record.rows);
  out.set_bytes(record.bytes);
  out.set_created_unix_ms(record.created_unix_ms);
  out.set_description(record.description);
  return out;
}

}  // namespace steer
