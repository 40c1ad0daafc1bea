#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "core/store/formats/native.h"

// Any bytes are refused or give a signal that survives being written and read again.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::StatusOr<steer::SignalData> parsed =
      steer::ParseNative(std::as_bytes(std::span(data, size)));
  if (!parsed.ok()) return 0;
  const std::string file = steer::WriteNative(*parsed);
  const absl::StatusOr<steer::SignalData> again =
      steer::ParseNative(std::as_bytes(std::span(file.data(), file.size())));
  if (!again.ok() || steer::SignalId(*again) != steer::SignalId(*parsed)) std::abort();
  return 0;
}
