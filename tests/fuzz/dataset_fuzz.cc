#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "core/learn/dataset.h"

// Any bytes are refused or give rows that survive being kept and read again. The first byte says
// the format.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view file(reinterpret_cast<const char*>(data) + 1, size - 1);
  const steer::DatasetReading reading = {
      .format = data[0] == 'C' ? steer::DatasetFormat::kCsv : steer::DatasetFormat::kJsonLines,
      .trim = data[0] == 'T'};
  const absl::StatusOr<std::vector<steer::DatasetRow>> rows = steer::ParseDataset(file, reading);
  if (rows.ok()) {
    const absl::StatusOr<std::vector<steer::DatasetRow>> again =
        steer::FromText(steer::ToText(*rows));
    if (!again.ok() || *again != *rows) std::abort();
  }
  steer::FromText(file).IgnoreError();
  return 0;
}
