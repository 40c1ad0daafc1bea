#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "client/steerctl/generation_options.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// What is asked of the texts of a file of questions, on the command line: measure and manifold; as
// analysis_options.h.

// The questions of a file; a file that cannot be read is a usage error.
absl::StatusOr<std::vector<std::string>> QuestionsIn(const std::string& path);

// Questions and how they are written.
struct QuestionOptions {
  std::string path;
  std::string system;
  bool raw = false;
};

struct MeasureOptions {
  QuestionOptions questions;
  ControlOptions controls;
  std::vector<double> multipliers;
  v1::Sampling sampling;
  bool choices = false;
  bool texts = false;
  bool csv = false;
};

void AddMeasureOptions(CLI::App& command, MeasureOptions& options);
absl::StatusOr<v1::MeasureTextRequest> ToRequest(const MeasureOptions& options);

struct ManifoldOptions {
  QuestionOptions questions;
  ControlOptions control;  // one signal, without a multiplier
  std::vector<double> multipliers;
  std::string site;      // empty: the lowest that is steered
  std::string curve_id;  // empty: none
  std::optional<int32_t> components;
  std::optional<double> explained_share;
  bool csv = false;
};

void AddManifoldOptions(CLI::App& command, ManifoldOptions& options);
absl::StatusOr<v1::ViewManifoldRequest> ToRequest(const ManifoldOptions& options);

}  // namespace steer
