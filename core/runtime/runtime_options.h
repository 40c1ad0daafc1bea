#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace steer {

struct RuntimeOptions {
  std::string model_path;              // a GGUF file
  std::string generation_config_path;  // generation_config.json; "" = what the model file says
  std::string chat_template_path;      // a Jinja template; "" = what the model's file says
  std::string state_directory;         // signals.db and payloads/; made if missing
  // One worker pool each: "cpu:0", "cpu:1", "cuda:0". Names of CPU pools only tell them apart.
  std::vector<std::string> devices = {"cpu:0"};
  // Another pool, none of `devices`, for learning jobs and nothing else; "" = they share `devices`.
  std::string learning_device;
  std::string dtype = "bf16";      // "bf16" or "f32": compute and cache type
  int threads = 0;                 // intra-op threads of one pool; 0 = the cores over the pools
  int64_t kv_cache_mib = 0;        // KV blocks of one pool; 0 = derived from the free memory
  bool prefix_cache = true;        // find computed prefixes again
  int step_tokens = 512;           // token budget of a step
  int max_sequences = 64;          // sequences of one pool that run at once
  int max_in_flight = 1024;        // generation requests, waiting and running
  double background_share = 0.25;  // of a device, for scoring and learning beside interactive work
  double probe_interval_seconds = 60;  // between two probes of one signal; 0 = none
  double probe_share = 0.05;           // of the time, for probes
  int inter_token_ms = 250;            // bound on a step while somebody decodes; 0 = none
};

}  // namespace steer
