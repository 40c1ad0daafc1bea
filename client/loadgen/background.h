#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/status.h"
#include "client/steer_client.h"

namespace steer {

struct BackgroundReport {
  int64_t scores = 0;  // Score requests that ended by themselves
  int64_t pairs = 0;   // scored in them
};

// Scores polar pairs, one request after the other, until `stop`; counts into `report`. Ends with
// the first error, or OK after `stop`.
absl::Status ScoreUntilStopped(Client& client, const std::stop_token& stop,
                               BackgroundReport& report);

}  // namespace steer
