#include "core/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/quoted.h"
#include "core/base/status.h"

namespace steer {
namespace {

absl::Status Refused(absl::StatusCode code, const std::string& path, absl::string_view why) {
  return FieldError(code, {code == absl::StatusCode::kNotFound ? "NOT_FOUND" : "UNREADABLE_FILE",
                           "file", absl::StrCat(Quoted(path), " (", why, ")"),
                           "a readable, regular file that is not empty"});
}

absl::Status FromErrno(int error, const std::string& path) {
  const absl::Status status = absl::ErrnoToStatus(error, "");
  const bool absent = error == ENOENT || error == ENOTDIR;
  return Refused(absent ? absl::StatusCode::kNotFound : status.code(), path, status.message());
}

// Closes on every way out; a mapping outlives its descriptor.
struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

}  // namespace

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a pipe nobody writes to must not hang.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) return FromErrno(errno, path);
  struct stat info = {};
  if (::fstat(file.number, &info) != 0) return FromErrno(errno, path);
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  if (!S_ISREG(info.st_mode)) return Refused(kInvalid, path, "not a regular file");
  if (info.st_size <= 0) return Refused(kInvalid, path, "empty");
  const auto size = static_cast<size_t>(info.st_size);
  const void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number, 0);
  if (address == MAP_FAILED) return FromErrno(errno, path);
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, {static_cast<const std::byte*>(address), size}));
}

void MappedFile::Release(std::span<const std::byte> part) const {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  // Offsets in the mapping, which begins at a page: whole pages of the part.
  const auto begin = static_cast<uintptr_t>(part.data() - bytes_.data());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + part.size()) / page * page;
  STEER_CHECK(part.data() >= bytes_.data() &&
              part.data() + part.size() <= bytes_.data() + bytes_.size());
  if (first >= last) return;
  ::madvise(const_cast<std::byte*>(bytes_.data()) + first, last - first, MADV_DONTNEED);
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

}  // namespace steer
