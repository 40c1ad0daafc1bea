#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <span>

#include "core/base/check.h"

namespace steer {

// A copy of some bytes that ends where an unreadable page begins: reading one byte too far is a
// crash in every build, not only under a sanitizer.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::span<const std::byte> bytes) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const size_t readable = (bytes.size() + page - 1) / page * page;
    size_ = readable + page;
    void* const base =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    STEER_CHECK(base != MAP_FAILED);
    base_ = static_cast<std::byte*>(base);
    STEER_CHECK(::mprotect(base_ + readable, page, PROT_NONE) == 0);
    bytes_ = {base_ + readable - bytes.size(), bytes.size()};
    if (!bytes.empty()) std::memcpy(bytes_.data(), bytes.data(), bytes.size());
  }
  ~GuardedBytes() { ::munmap(base_, size_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;

  std::span<std::byte> bytes() { return bytes_; }

 private:
  std::byte* base_ = nullptr;
  size_t size_ = 0;
  std::span<std::byte> bytes_;
};

}  // namespace steer
