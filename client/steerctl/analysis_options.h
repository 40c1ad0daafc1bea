#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "client/steerctl/generation_options.h"
#include "client/steerctl/pair_options.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// What is measured and fitted, on the command line: score, fit and recommend (sweep_options.h:
// sweep; text_options.h: what is asked of texts). Each adds its options to a command, and its
// ToRequest makes the request; ranges are the server's business.

struct ScoreOptions {
  PairOptions pairs;
  ControlOptions controls;
  std::vector<double> multipliers;
  bool sum = false;
  bool per_pair = false;
  bool csv = false;
};

void AddScoreOptions(CLI::App& command, ScoreOptions& options);
absl::StatusOr<v1::ScoreRequest> ToRequest(const ScoreOptions& options);

struct FitOptions {
  v1::FitCurveRequest request;
  bool sum = false;
  bool csv = false;
  std::string svg_path;
};

void AddFitOptions(CLI::App& command, FitOptions& options);
absl::StatusOr<v1::FitCurveRequest> ToRequest(const FitOptions& options);

struct RecommendOptions {
  std::string curve_id;
  std::optional<double> max_loss, min_gain;
  bool less = false;
  std::string check_path;  // empty: no check
  std::optional<double> max_nll_increase;
  std::string svg_path;
};

void AddRecommendOptions(CLI::App& command, RecommendOptions& options);
absl::StatusOr<v1::RecommendMultiplierRequest> ToRequest(const RecommendOptions& options);

void AddMultipliers(CLI::App& command, std::vector<double>& multipliers, const char* help,
                    const char* name = "--multipliers");
// A check for options: empty for a signal without a multiplier; `why` says what that is instead.
std::string NameAlone(const std::string& text, const std::string& why);
// --signal NAME, the only one.
void AddSignalAlone(CLI::App& command, ControlOptions& options, const char* help,
                    const std::string& why);
void AddSvgOption(CLI::App& command, std::string& path, const char* help);
// --csv, where --json is not given as well.
void AddCsvFlag(CLI::App& command, bool& csv, const char* help);

}  // namespace steer
