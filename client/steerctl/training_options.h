#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/steerctl/commands.h"
#include "steer/v1/learning.pb.h"

namespace steer {

// What the command line says about a signal that is trained; what it does not is the server's
// default.
struct TrainingOptions {
  std::optional<std::string> kind;
  std::vector<std::string> sites;  // "SITE" or "SITE=READ"
  std::optional<int> rank;
  std::string nonlinearity;
  std::string use = "both";
  std::vector<double> factors;
  std::optional<int> steps;
  std::optional<double> epochs;
  std::optional<int> batch, accumulation, warm_up, held_out_every, patience;
  std::optional<double> rate, weight_decay, clip, dropout, noise, reference_norm;
  bool subtract_swapped = false, orthogonal = false, distribution = false;
  std::string decay = "linear";
  std::optional<uint64_t> seed;
};

// The names of the objectives, as they are given on the command line.
const std::vector<std::string>& ObjectiveNames();

// The options are in this group of the help.
inline constexpr char kTrainingGroup[] = "Of signals that are trained";
void AddTrainingOptions(CLI::App& command, TrainingOptions& options);

// `settings` of the objective. The errors of SetFields.
absl::StatusOr<v1::Training> ToTraining(const std::string& objective,
                                        const std::vector<std::string>& settings,
                                        const TrainingOptions& options);

}  // namespace steer
