#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// An open file descriptor. Closes it when it goes.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~FileDescriptor();

  int get() const { return fd_; }

 private:
  int fd_;
};

// RESOURCE_EXHAUSTED when `error` (an errno) says that the disk, a quota or a file-size limit is
// full; UNAVAILABLE otherwise. The message is "<path>: cannot <what>: <reason>".
absl::Status FileError(int error, const std::string& path, absl::string_view what);
bool IsDiskFull(int error);

// open(2), creating with mode 0640. NOT_FOUND if there is nothing to open.
absl::StatusOr<FileDescriptor> OpenFile(const std::string& path, int flags);

// Makes what an earlier create, rename or unlink did in this directory durable.
absl::Status SyncDirectory(const std::string& path);

// Makes the directory and its missing parents, durably. OK if it exists.
absl::Status MakeDirectories(const std::string& path);

// A new file with these bytes, fsynced; on error there is no file.
absl::Status WriteNewFile(const std::string& path, absl::string_view bytes);

// The whole file, read and not mapped: a bad sector then is an error and not a SIGBUS.
absl::StatusOr<std::string> ReadFile(const FileDescriptor& file, const std::string& path);

// Takes the lock file of a directory for as long as the result lives. FAILED_PRECONDITION if
// somebody else has it, in this process or in another.
absl::StatusOr<FileDescriptor> LockDirectory(const std::string& directory);

}  // namespace steer
