#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "client/loadgen/background.h"
#include "client/loadgen/latency.h"
#include "client/loadgen/options.h"

namespace steer {

// What came of a load, as its readers saw it. Tokens and gaps are those that arrived within
// `seconds`; a message of k tokens is one gap and k - 1 gaps of zero.
struct LoadReport {
  double seconds = 0;
  int64_t finished = 0;        // requests that ended by themselves
  int64_t cut_short = 0;       // requests that ran when the time was up
  int64_t cancelled = 0;       // requests that the load meant to cancel, and did
  int64_t tokens = 0;          // generated
  int64_t prompt_tokens = 0;   // of the requests that finished
  int64_t reused_tokens = 0;   // of those, what the server's prefix cache had
  LatencySummary first_token;  // seconds from the request to its first token
  LatencySummary between_tokens;
  BackgroundReport background;
  std::map<std::string, int64_t> errors;  // by message; a stream goes on after one
};

// Runs the load. With steered streams it uploads `signals` seeded random vectors to block_out of
// the middle layer first, small enough to leave the text alone, and deletes them at the end. An
// error if the server cannot be reached or refuses the prompt or the signals.
absl::StatusOr<LoadReport> RunLoad(const LoadOptions& options);

}  // namespace steer
