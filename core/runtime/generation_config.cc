#include "core/runtime/generation_config.h"

namespace steer {

absl::StatusOr<GenerationConfig> GenerationConfigOf(const GgufFile&) { return GenerationConfig(); }
absl::StatusOr<GenerationConfig> ReadGenerationConfig(const std::string&) {
  return absl::UnimplementedError("being written");
}

}  // namespace steer
