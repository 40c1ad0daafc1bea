#include "client/steerctl/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "client/steerctl/command_line.h"

namespace steer {
namespace {

absl::Status WriteError(int error, const std::string& path) {
  return UsageError(absl::ErrnoToStatus(error, absl::StrCat(path, ": cannot be written")));
}

// Everything to the disk, with the rights that a newly made file has; 0 or an errno.
int WriteAll(int file, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  const mode_t mask = umask(0);
  umask(mask);
  constexpr mode_t kReadWrite = 0666;
  return fchmod(file, kReadWrite & ~mask) == 0 && fsync(file) == 0 ? 0 : errno;
}

}  // namespace

absl::Status ReplaceFile(const std::string& path, absl::string_view text) {
  struct stat present{};
  if (stat(path.c_str(), &present) == 0 && !S_ISREG(present.st_mode)) {
    return UsageError(absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file")));
  }
  std::string temporary = absl::StrCat(path, ".XXXXXX");
  const int file = mkstemp(temporary.data());
  if (file < 0) return WriteError(errno, path);
  int error = WriteAll(file, text);
  if (close(file) != 0 && error == 0) error = errno;
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  unlink(temporary.c_str());
  return WriteError(error, path);
}

}  // namespace steer
