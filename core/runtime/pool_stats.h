#pragma once

#include <cstdint>
#include <string>

#include "core/engine/engine.h"

namespace steer {

// One device with its engine.
struct PoolStats {
  std::string name;            // metrics label, "cpu:0"
  bool learning_only = false;  // it serves no requests
  EngineStats engine;
  int block_size = 0;  // positions of a KV block
  int in_flight = 0;   // requests that have not finished, background ones included
  int64_t kv_cache_bytes = 0;
  // Pools of one device share weights and signals: the first of them counts them, the others 0.
  int signals_resident = 0;
  int signals_lingering = 0;  // dropped, but still used by requests
  int64_t signal_bytes_resident = 0;
  int64_t weight_bytes = 0;
};

}  // namespace steer
