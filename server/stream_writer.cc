#include "server/stream_writer.h"

#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "server/stream_reactor.h"

namespace steer {

StreamWriter::StreamWriter() : thread_([this] { Loop(); }) {}

StreamWriter::~StreamWriter() {
  mailbox_.Close();
  thread_.join();
}

void StreamWriter::Loop() {
  constexpr Clock::duration kSweepPeriod = std::chrono::seconds(1);
  std::vector<std::weak_ptr<GenerationStream>> live;
  Clock::time_point next_sweep = Clock::now() + kSweepPeriod;
  while (!mailbox_.closed()) {
    std::optional<Clock::time_point> wake;
    if (!live.empty()) wake = next_sweep;
    for (const std::shared_ptr<GenerationStream>& stream : mailbox_.Take(/*wait=*/true, wake)) {
      if (stream->Turn()) live.push_back(stream);
    }
    const Clock::time_point now = Clock::now();
    if (now < next_sweep) continue;
    next_sweep = now + kSweepPeriod;
    std::erase_if(live, [](const auto& stream) { return stream.expired(); });
    for (const auto& weak : live) {
      if (const std::shared_ptr<GenerationStream> stream = weak.lock()) stream->CheckReader(now);
    }
  }
}

}  // namespace steer
