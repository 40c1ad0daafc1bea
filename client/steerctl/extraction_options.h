#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/steerctl/commands.h"
#include "steer/v1/learning.pb.h"

namespace steer {

// What the command line says about a vector that is made of activations; what it does not is the
// server's default.
struct ExtractionOptions {
  std::optional<std::string> reading;
  std::optional<std::string> normalisation;
  std::optional<int> attributed;  // tokens
};

// The names of the methods, as they are given on the command line; the default first.
const std::vector<std::string>& ExtractionMethods();

void AddExtractionOptions(CLI::App& command, ExtractionOptions& options);

// `settings` of the method. The errors of SetFields.
absl::StatusOr<v1::Extraction> ToExtraction(const std::string& method,
                                            const std::vector<std::string>& settings,
                                            const ExtractionOptions& options);

}  // namespace steer
