#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/runtime/runtime.h"
#include "server/metrics.h"
#include "server/stream_writer.h"
#include "server/work_queue.h"

namespace steer {

// What the services share. Members are thread-safe; the queues end first, then the writer.
struct Backend {
  Backend(Runtime* runtime_in, std::shared_ptr<Metrics> metrics_in)
      : runtime(*runtime_in), metrics(std::move(metrics_in)) {}

  // The metric label of a control: the alias it was called by, or the first alias of the id it was
  // called by, or "other". Reads the store.
  std::string LabelOf(const ResolvedControl& control);

  Runtime& runtime;
  const std::shared_ptr<Metrics> metrics;
  std::atomic<bool> draining{false};
  // Bytes of uploads held in memory, all calls together.
  std::atomic<int64_t> upload_bytes{0};
  StreamWriter stream_writer;
  // A generation waits for nobody's disk, a read for nobody's score.
  WorkQueue admissions{"generations being admitted", /*threads=*/2, /*max_waiting=*/1024};
  WorkQueue calls{"calls", /*threads=*/4, /*max_waiting=*/256};
  WorkQueue scores{"scores", /*threads=*/4, /*max_waiting=*/16};
  WorkQueue watches{"watched jobs", /*threads=*/16, /*max_waiting=*/0};
};

}  // namespace steer
