#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/schedule/scheduler.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/counting_runner.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {

inline SchedulerOptions Roomy() {
  return {.step_tokens = 64,
          .max_sequences = 16,
          .block_size = 4,
          .groups = {{.block_count = 1024}},
          .context_limit = 512};
}

// One entry of a step, to be read after its sequence has left.
struct Planned {
  RequestId id = 0;
  int begin = 0;
  int count = 0;
  int fresh = 0;
  bool samples = false;
};

// A scheduler with a runner, a clock that moves one second per step and the sinks of all requests.
class Simulation {
 public:
  // What a step of so many rows is said to have taken.
  using Cost = std::function<double(int rows)>;

  explicit Simulation(const SchedulerOptions& options, CountingRunner::Hook hook = nullptr)
      : scheduler(options, &tokenizer_), runner(options, std::move(hook)) {}

  RequestId Generate(int prompt, int max_tokens) {
    return Add(GenerateRequest(next_id_, prompt, max_tokens, NewSink()));
  }
  RequestId Score(int prompt, int forced) {
    return Add(ScoreRequest(next_id_, prompt, forced, NewSink()));
  }
  RequestId Add(std::unique_ptr<Request> request) {
    request->arrival = now;
    scheduler.Add(std::move(request));
    return next_id_++;
  }
  std::shared_ptr<RecordingSink> NewSink() {
    return sinks[next_id_] = std::make_shared<RecordingSink>();
  }
  RequestId next_id() const { return next_id_; }

  Batch Step() {
    now += std::chrono::seconds(1);
    scheduler.Sweep(now);
    Batch batch = scheduler.Schedule(now);
    EXPECT_EQ(batch.empty(), scheduler.idle());
    tokens = {};
    ids.clear();
    planned.clear();
    for (const BatchEntry& entry : batch.entries) {
      const Request& request = *entry.sequence->request;
      tokens[request.request_class] += entry.count;
      ids.push_back(request.id);
      planned.push_back({request.id, entry.begin, entry.count, entry.fresh, entry.samples});
    }
    if (!batch.empty()) scheduler.Update(batch, runner.Run(batch), now, cost(batch.rows()));
    return batch;
  }

  void Drain() {
    for (int i = 0; i < 100000 && !scheduler.idle(); ++i) Step();
    EXPECT_TRUE(scheduler.idle());
    for (const BlockPool& blocks : scheduler.block_pools()) EXPECT_EQ(blocks.used(), 0);
    for (const auto& [id, sink] : sinks) {
      EXPECT_EQ(sink->finished_count(), 1) << id;
      EXPECT_EQ(sink->late_tokens(), 0) << id;
      EXPECT_EQ(sink->late_prompts(), 0) << id;
    }
  }

  bool Finished(RequestId id) { return sinks.at(id)->finished_count() > 0; }
  FinishedEvent Event(RequestId id) { return sinks.at(id)->Wait(); }

 private:
  ByteTokenizer tokenizer_;

 public:
  Scheduler scheduler;
  CountingRunner runner;
  Cost cost = [](int) { return 1.0; };
  Clock::time_point now = Clock::now();
  std::map<RequestId, std::shared_ptr<RecordingSink>> sinks;
  std::map<RequestClass, int> tokens;  // of the last step
  std::vector<RequestId> ids;          // in the last step's batch
  std::vector<Planned> planned;        // the same with the numbers

 private:
  RequestId next_id_ = 1;
};

}  // namespace steer
