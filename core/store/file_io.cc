#include "core/store/file_io.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr mode_t kDirectoryMode = 0750;

absl::Status WriteAll(int fd, const std::string& path, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return FileError(errno, path, "write");
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status Sync(int fd, const std::string& path) {
  // Not repeated on error: after a failed fsync the kernel may have dropped the pages, and a second
  // one would succeed without having written them.
  if (fsync(fd) != 0) return FileError(errno, path, "fsync");
  return absl::OkStatus();
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

bool IsDiskFull(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

absl::Status FileError(int error, const std::string& path, absl::string_view what) {
  const std::string message =
      absl::StrCat(path, ": cannot ", what, ": ", std::generic_category().message(error));
  return IsDiskFull(error) ? absl::ResourceExhaustedError(message)
                           : absl::UnavailableError(message);
}

absl::StatusOr<FileDescriptor> OpenFile(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags, kFileMode);
  if (fd >= 0) return FileDescriptor(fd);
  if (errno == ENOENT) return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  return FileError(errno, path, "open");
}

absl::Status SyncDirectory(const std::string& path) {
  STEER_ASSIGN_OR_RETURN(const FileDescriptor directory,
                         OpenFile(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return Sync(directory.get(), path);
}

absl::Status MakeDirectories(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
  const std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return FileError(error.value(), path, "find");
  // "a/b/" has an empty last part.
  const std::filesystem::path self = absolute.has_filename() ? absolute : absolute.parent_path();
  const std::string parent = self.parent_path().string();
  STEER_RETURN_IF_ERROR(MakeDirectories(parent));
  if (mkdir(self.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    return FileError(errno, self.string(), "make the directory");
  }
  if (!std::filesystem::is_directory(self, error)) {
    return FileError(ENOTDIR, self.string(), "use it as a directory");
  }
  return SyncDirectory(parent);
}

absl::Status WriteNewFile(const std::string& path, absl::string_view bytes) {
  const absl::StatusOr<FileDescriptor> file =
      OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
  // Its folder is gone.
  if (absl::IsNotFound(file.status())) return FileError(ENOENT, path, "make");
  if (!file.ok()) return file.status();
  absl::Status status = WriteAll(file->get(), path, bytes);
  if (status.ok()) status = Sync(file->get(), path);
  if (!status.ok()) unlink(path.c_str());
  return status;
}

absl::StatusOr<std::string> ReadFile(const FileDescriptor& file, const std::string& path) {
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return FileError(errno, path, "stat");
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno != EINTR) return FileError(errno, path, "read");
    if (got == 0) break;
    if (got > 0) have += static_cast<size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

absl::StatusOr<FileDescriptor> LockDirectory(const std::string& directory) {
  STEER_ASSIGN_OR_RETURN(FileDescriptor lock,
                         OpenFile(absl::StrCat(directory, "/lock"), O_RDWR | O_CREAT | O_CLOEXEC));
  // flock and not fcntl: fcntl locks belong to the process, so a second store in the same process
  // would get the lock, and closing it would drop the first one's.
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return FileError(errno, directory, "lock");
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"LOCKED", "state_directory",
                       absl::StrCat("'", directory, "', which another store has open"),
                       "a directory of its own for each store"});
  }
  return lock;
}

}  // namespace steer
