#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/loadgen/options.h"
#include "client/steer_client.h"

namespace steer {

// A vector signal file: a seeded random direction of length `norm` at block_out of `layer`.
std::string RandomVectorFile(const v1::Model& model, int layer, double norm, uint64_t seed);

// The ids of ordinary text, long enough to cut `tokens` out of it at any offset below `offsets`.
absl::StatusOr<std::vector<int32_t>> TextIds(Client& client, int tokens, int offsets);

// The signals of one load on one server.
class LoadSignals {
 public:
  static absl::StatusOr<LoadSignals> Upload(Client& client, const LoadOptions& options);
  LoadSignals() = default;
  LoadSignals(LoadSignals&&) = default;
  LoadSignals& operator=(LoadSignals&&) = default;

  const std::vector<std::string>& ids() const { return ids_; }
  // Deletes those that the server did not know before.
  absl::Status Delete(Client& client);

 private:
  std::vector<std::string> ids_;
  std::vector<std::string> made_;
};

}  // namespace steer
