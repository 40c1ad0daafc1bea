#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/learn/step_report.h"

namespace steer {

enum class JobState : uint8_t { kQueued, kRunning, kSucceeded, kFailed, kCancelled };
absl::string_view Name(JobState state);
bool Finished(JobState state);

// One layer of a search: what was learnt there and what held-out pairs say of it.
struct LayerOutcome {
  int layer = 0;
  std::string signal_id;
  std::string curve_id;
  // The multiplier that gains most within the utility budget; none where nothing is gained.
  std::optional<double> multiplier;
  std::optional<double> preference_gain;  // there, in MEAN nats
  std::optional<double> utility_loss;
};

// What the work of a job came to.
struct JobOutcome {
  std::string signal_id;                  // empty after a search in which no layer gained anything
  std::string curve_id;                   // if it was judged on held-out pairs
  std::string name;                       // the alias that it got: its own, or a draft
  std::map<std::string, double> results;  // the learner's numbers, e.g. "norm"
  std::vector<LayerOutcome> layers;       // of a layer search, in order
};

// A snapshot of a job; a value.
struct JobRecord {
  std::string id;  // "job-7"
  JobState state = JobState::kQueued;
  std::string learner;
  std::string settings;  // how it was asked for, without the examples: JSON
  std::string dataset;   // id of the data set the examples are from, if any
  std::string held_out_dataset;
  int done = 0;
  int total = 0;
  std::optional<TrainingProgress> training;  // of learners that train, from their first step on
  JobOutcome outcome;                        // once it has succeeded
  absl::Status status;                       // why it failed
  int64_t created_unix_ms = 0;
  int64_t finished_unix_ms = 0;
  uint64_t revision = 0;  // grows with every change, so that a watcher can wait for the next one
};

// What of a record outlives the process: all but id, revision and progress.
std::string ToJson(const JobRecord& record);
// DATA_LOSS for what ToJson did not make.
absl::StatusOr<JobRecord> JobFromJson(const std::string& id, const std::string& json);
// The same of what a search has done so far.
std::string ToJson(const std::vector<LayerOutcome>& layers);
absl::StatusOr<std::vector<LayerOutcome>> LayersFromJson(const std::string& json);

}  // namespace steer
