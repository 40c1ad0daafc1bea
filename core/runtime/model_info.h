#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/runtime/generation_config.h"
#include "core/signal/signal_data.h"
#include "core/signal/site.h"

namespace steer {

// What callers are told of the resident model.
struct ModelInfo {
  std::string name;  // general.name of the file
  std::string architecture;
  std::string fingerprint;  // "<shape mark>:<weights mark>"
  ModelMarks marks;
  ModelShape shape;
  int64_t heads = 0, kv_heads = 0, head_dim = 0, vocabulary = 0;
  int64_t parameters = 0;
  int context_limit = 0;
  std::string dtype;
  bool has_chat_template = false;
  std::string default_system;
  std::vector<std::string> site_kinds;  // spellings allowed after "layers.<l>."
  GenerationConfig generation;          // the model's own sampling defaults
};

// What a dose curve holds for: the weights and their format.
inline std::string CurveFingerprint(const ModelInfo& model) {
  return absl::StrCat(model.fingerprint, ":", model.dtype);
}

}  // namespace steer
