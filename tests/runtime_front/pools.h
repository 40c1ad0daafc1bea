#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "core/runtime/worker_pool.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/counting_runner.h"

namespace steer {

inline SchedulerOptions PoolOptions() {
  SchedulerOptions options;
  options.step_tokens = 64;
  options.max_sequences = 16;
  options.block_size = 4;
  options.groups = {{.block_count = 256}};
  options.context_limit = 512;
  options.cache_format = "bytes";
  return options;
}

// A pool over a runner without tensors, whose device can be lost.
struct PoolBench {
  explicit PoolBench(std::string name, WorkerPool::SignalLoader load = nullptr) {
    WorkerPool::Parts parts;
    parts.name = std::move(name);
    parts.options = PoolOptions();
    parts.tokenizer = &tokenizer;
    parts.runner = std::make_unique<CountingRunner>(
        parts.options, [lost = lost](const Batch&) -> absl::Status {
          if (*lost) return absl::UnavailableError("device error 700");
          return absl::OkStatus();
        });
    parts.load = load ? std::move(load) : [](ControlSet&) { return absl::OkStatus(); };
    pool = std::make_unique<WorkerPool>(std::move(parts));
  }
  void Lose() { *lost = true; }

  const ByteTokenizer tokenizer;
  const std::shared_ptr<std::atomic<bool>> lost = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<WorkerPool> pool;
};

}  // namespace steer
