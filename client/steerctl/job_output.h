#pragma once

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/steer_client.h"
#include "client/steerctl/session.h"

namespace steer {

// Follows a job to its end, with a bar of its progress on standard error.
absl::StatusOr<v1::Job> WatchJob(Client& client, const std::string& id, std::stop_token stop);

// Everything known of a job that has ended, on standard output. ABORTED unless it succeeded.
absl::Status ShowEnd(const Session& session, const v1::Job& job);

// Draws the curves of a search, layers against multipliers, into a file; nothing for an empty path.
absl::Status WriteLayerMap(Client& client, const v1::Job& job, const std::string& path);

}  // namespace steer
