#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "core/base/check.h"
#include "core/base/host_tensor.h"
#include "core/files/safetensors.h"

// Whatever the bytes are: a file or an error. A file that was accepted and is written again must be
// accepted again, with the same contents.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = steer::SafetensorsFile::Parse(std::as_bytes(std::span(data, size)));
  if (!file.ok()) {
    STEER_CHECK(!file.status().message().empty());
    return 0;
  }
  std::map<std::string, steer::HostTensor> tensors;
  for (const auto& [name, tensor] : (*file)->tensors()) {
    tensors[name] = {tensor.dtype, tensor.shape, {tensor.bytes.begin(), tensor.bytes.end()}};
  }
  const std::string written = steer::WriteSafetensors((*file)->metadata(), tensors);
  const auto again = steer::SafetensorsFile::Parse(std::as_bytes(std::span(written)));
  STEER_CHECK(again.ok());
  STEER_CHECK((*again)->metadata() == (*file)->metadata());
  STEER_CHECK((*again)->tensors().size() == tensors.size());
  return 0;
}
