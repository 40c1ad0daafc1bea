#pragma once

#include <cstdint>
#include <string>

namespace steer {

struct RuntimeOptions {
  std::string model_path;       // a GGUF file
  std::string state_directory;  // signals.db and payloads/; made if missing
  std::string device = "cpu";   // "cpu", "cuda:0"
  std::string dtype = "bf16";   // "bf16" or "f32": compute and cache type
  int threads = 0;              // intra-op threads; 0 = all cores
  int64_t kv_cache_mib = 256;   // size of the KV pool
  int step_tokens = 512;        // token budget of a step
  int max_sequences = 64;       // sequences that run at once
};

}  // namespace steer
