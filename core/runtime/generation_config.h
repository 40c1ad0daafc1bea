#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/types.h"
#include "core/files/gguf.h"
#include "core/files/model_folder.h"

namespace steer {

// How a model's makers want it to be sampled: what a request gets that leaves a field out.
struct GenerationConfig {
  std::optional<double> temperature;
  std::optional<int> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
};

// From the keys general.sampling.{temp,top_k,top_p,min_p,penalty_repeat} of a GGUF file; absent
// keys stay unset. INVALID_ARGUMENT names a key whose value is out of range.
absl::StatusOr<GenerationConfig> GenerationConfigOf(const GgufFile& file);

// From the folder's generation_config.json, if it has one; as ReadGenerationConfig.
absl::StatusOr<GenerationConfig> GenerationConfigOf(const ModelFolder& folder);

// From a generation_config.json. `do_sample: false` means temperature 0. Keys it does not know are
// left alone: such files carry many that are not about sampling. NOT_FOUND and INVALID_ARGUMENT
// name the file and the key.
absl::StatusOr<GenerationConfig> ReadGenerationConfig(const std::string& path);

}  // namespace steer
