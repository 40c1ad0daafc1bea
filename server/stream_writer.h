#pragma once

#include <memory>
#include <thread>
#include <utility>

#include "core/base/mailbox.h"

namespace steer {

class GenerationStream;

// The thread that hands generated tokens to gRPC, so that the engine's thread never enters it: a
// write may run other calls' reactions. Once a second it also looks for readers that have stopped
// reading. Thread-safe.
class StreamWriter {
 public:
  StreamWriter();
  ~StreamWriter();
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  void Notify(std::shared_ptr<GenerationStream> stream) { mailbox_.Put(std::move(stream)); }

 private:
  void Loop();

  Mailbox<std::shared_ptr<GenerationStream>> mailbox_;
  std::thread thread_;
};

}  // namespace steer
