#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/check.h"
#include "core/files/gguf_parser.h"
#include "core/files/tensor_map.h"

// Whatever the bytes are: a file or an error. Every byte of every tensor is read, so that a span
// that leaves the input is found by the address sanitizer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto contents = steer::ParseGguf(std::as_bytes(std::span(data, size)));
  if (!contents.ok()) {
    STEER_CHECK(!contents.status().message().empty());
    return 0;
  }
  std::byte all{};
  for (const auto& [name, tensor] : contents->tensors) {
    STEER_CHECK(steer::StoredBytes(tensor.encoding, tensor.shape) ==
                static_cast<int64_t>(tensor.bytes.size()));
    for (const std::byte byte : tensor.bytes) all ^= byte;
  }
  // The one use that the compiler cannot leave out.
  [[maybe_unused]] const volatile std::byte sink = all;
  return 0;
}
