#pragma once

#include <memory>
#include <utility>

#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/counting_runner.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {

inline SchedulerOptions Options() {
  return {.step_tokens = 32,
          .max_sequences = 8,
          .block_size = 8,
          .groups = {{.block_count = 4096}},
          .context_limit = 4096};
}

// Opens once; what waits at it sleeps until then.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Wait() {
    MutexLock lock(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

// A step that tells when it has begun and does not end before it may.
struct HeldStep {
  CountingRunner::Hook Hook(const absl::Status& end = absl::OkStatus()) {
    return [this, end](const Batch&) {
      begun.Open();
      go_on.Wait();
      return end;
    };
  }

  Gate begun, go_on;
};

class EngineTest : public ::testing::Test {
 protected:
  std::unique_ptr<Engine> Make(CountingRunner::Hook hook = nullptr,
                               SchedulerOptions options = Options()) {
    return std::make_unique<Engine>(options, &tokenizer_,
                                    std::make_unique<CountingRunner>(options, std::move(hook)));
  }

  // After this the loop has done everything that was put before, gauges included.
  static void Settle(Engine& engine) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(engine.RunUnit([] { return absl::OkStatus(); }).ok());
    }
  }

  static void ExpectEmpty(const Engine& engine) {
    const EngineStats stats = engine.stats();
    EXPECT_EQ(stats.running, 0);
    EXPECT_EQ(stats.waiting, 0);
    EXPECT_EQ(stats.kv_blocks_used, 0);
  }

  ByteTokenizer tokenizer_;
};

}  // namespace steer
