#pragma once

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "client/pairs_file.h"
#include "client/steerctl/command_line.h"

namespace steer {

// Polar pairs and how they are written.
struct PairOptions {
  std::string path;
  std::string system;
  bool raw = false;
  bool as_spelt = false;
  std::string end_of_turn;  // "", "yes" or "no"
};

void AddPairOptions(CLI::App& command, PairOptions& options);

// Reads the pairs into a ScoreRequest, SweepRequest or SetProbeRequest.
template <typename Request>
absl::Status SetPairs(const PairOptions& options, Request& request) {
  const auto pairs = ReadPairs(options.path);
  if (!pairs.ok()) return UsageError(pairs.status());
  request.mutable_pairs()->Add(pairs->begin(), pairs->end());
  request.set_system(options.system);
  request.set_raw(options.raw);
  if (!options.end_of_turn.empty()) request.set_end_of_turn(options.end_of_turn == "yes");
  if (options.as_spelt) request.set_both_spellings(false);
  return absl::OkStatus();
}

}  // namespace steer
