#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "steer/v1/generation.pb.h"

namespace steer {

// Signals on the command line: generate, chat and score.
struct ControlOptions {
  std::vector<std::string> signals;  // checked by ParseControl while the command line is read
  std::string positions;             // "", "all", "prompt" or "generated"
  bool exclude_template_head = false;
  bool allow_other_weights = false;
};

void AddControlOptions(CLI::App& command, ControlOptions& options);
absl::StatusOr<std::vector<v1::Control>> ToControls(const ControlOptions& options);
// One more signal, "NAME=M", with the options of the others.
absl::StatusOr<v1::Control> ToControl(const ControlOptions& options, const std::string& signal);

// Everything about an answer but its prompt: generate and chat.
struct GenerationOptions {
  std::optional<int> max_tokens;
  std::optional<double> temperature;
  std::optional<int> top_k;
  std::optional<double> top_p;
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
  ControlOptions controls;
  bool plain_too = false;
};

void AddGenerationOptions(CLI::App& command, GenerationOptions& options);
// A request without its prompt. Ranges are the server's business.
absl::StatusOr<v1::GenerateRequest> ToRequest(const GenerationOptions& options);

}  // namespace steer
