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

// What sweep measures, on the command line: the curve of one signal, of each of several (a family),
// or of two together.
struct SweepOptions {
  PairOptions pairs;
  ControlOptions control;  // one signal or more, without multipliers
  std::vector<double> multipliers;
  std::optional<double> from, to;
  std::optional<int32_t> points;
  std::string second;  // the signal beside the one above; empty: none
  std::vector<double> second_multipliers;
  bool sum = false;
  bool fit = false;
  bool csv = false;
  std::string svg_path;  // empty: no picture

  bool family() const { return control.signals.size() > 1; }
};

void AddSweepOptions(CLI::App& command, SweepOptions& options);
absl::StatusOr<v1::SweepRequest> ToRequest(const SweepOptions& options);

}  // namespace steer
