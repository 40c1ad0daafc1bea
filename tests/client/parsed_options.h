#pragma once

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace steer {

inline std::string PairsPath() {
  const std::string path = testing::TempDir() + "/parsed_options_pairs.jsonl";
  std::ofstream(path) << R"({"question": "q", "positive": "p", "negative": "n"})" << "\n"
                      << R"({"question": "r", "positive": "s", "negative": "t"})" << "\n";
  return path;
}

// What a command line turns into; `add` gives the command its options.
template <typename Options>
absl::StatusOr<Options> Parsed(std::vector<std::string> arguments,
                               void (*add)(CLI::App&, Options&)) {
  CLI::App app;
  // As in steerctl, where it belongs to all commands.
  bool json = false;
  app.add_flag("--json", json);
  Options options;
  add(app, options);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants it
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return options;
}

}  // namespace steer
