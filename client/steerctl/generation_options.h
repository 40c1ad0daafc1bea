#pragma once

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "steer/v1/generation.pb.h"

namespace steer {

// Signals on the command line: generate, chat, score and sweep.
struct ControlOptions {
  std::vector<std::string> signals;  // checked by ParseControl while the command line is read
  std::string positions;             // "", "all", "prompt" or "generated"
  bool exclude_template_head = false;
  bool user_text_only = false;
  bool allow_other_weights = false;
};

void AddControlOptions(CLI::App& command, ControlOptions& options);
// All of them but --signal.
void AddPositionOptions(CLI::App& command, ControlOptions& options);
absl::StatusOr<std::vector<v1::Control>> ToControls(const ControlOptions& options);
// One more signal, "NAME=M", with the options of the others.
absl::StatusOr<v1::Control> ToControl(const ControlOptions& options, const std::string& signal);

// What generate and chat say about an answer. The parser fills `request`, which has no prompt;
// ranges are the server's business.
struct GenerationOptions {
  v1::GenerateRequest request;
  ControlOptions controls;
  bool plain_too = false;
};

void AddGenerationOptions(CLI::App& command, GenerationOptions& options);
// What only a single answer has: several completions, the prompt in the answer, log-probabilities.
void AddSingleAnswerOptions(CLI::App& command, GenerationOptions& options);
// A usage error for a signal that brings a multiplier where a budget chooses it.
absl::Status CheckBudgeted(const v1::Control& control);
// The request with its controls; CheckBudgeted of each if it has a budget.
absl::StatusOr<v1::GenerateRequest> ToRequest(const GenerationOptions& options);

}  // namespace steer
