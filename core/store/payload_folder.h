#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/store/file_io.h"

namespace steer {

// The files <folder>/<id>.safetensors. Each is complete or absent: a payload is written under a
// temporary name, fsynced, and only then gets its own. Thread-safe, but Publish, Remove and the row
// that names the payload must change together: SqliteStore sees to that.
class PayloadFolder {
 public:
  explicit PayloadFolder(std::string folder) : folder_(std::move(folder)) {}

  std::string PathOf(absl::string_view id) const;

  // A fsynced file under a temporary name: its path. RESOURCE_EXHAUSTED or UNAVAILABLE; nothing is
  // left then.
  absl::StatusOr<std::string> WriteTemporary(const std::string& id, absl::string_view bytes);
  // Gives it the payload's name, replacing what is there, durably.
  absl::Status Publish(const std::string& temporary, const std::string& id);
  // Best effort: what cannot be removed is taken by the next RemoveLeftovers.
  void Remove(const std::string& id);

  // Keeps its bytes readable even if it is removed meanwhile. NOT_FOUND.
  absl::StatusOr<FileDescriptor> Open(absl::string_view id) const;

  // Removes temporary files and payloads for which `known(id)` is false. Files that this class did
  // not make are left alone.
  absl::Status RemoveLeftovers(
      const std::function<absl::StatusOr<bool>(const std::string&)>& known);
  // Whether there is any payload.
  absl::StatusOr<bool> HasPayloads() const;

 private:
  const std::string folder_;
  std::atomic<int64_t> temporaries_ = 0;
};

// 64 lower-case hex digits.
bool IsSignalId(absl::string_view text);

}  // namespace steer
