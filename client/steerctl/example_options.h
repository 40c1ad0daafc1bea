#pragma once

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "steer/v1/learning.pb.h"

namespace steer {

// Where the examples of a job are from: files here, or data sets of the server.
struct ExampleOptions {
  struct Source {
    std::string path;     // or
    std::string dataset;  // name or id
    std::string rows;     // "", "FIRST" or "FIRST:COUNT"
    std::vector<std::string> where;
  };
  Source pairs, held_out;
};

void AddExampleOptions(CLI::App& command, ExampleOptions& options);
// Reads the files; in the place of what the request has. A usage error names the option.
absl::Status SetExamples(const ExampleOptions& options, v1::StartJobRequest& request);

}  // namespace steer
