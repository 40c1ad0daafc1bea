#pragma once

#include <cstddef>
#include <optional>

#include "core/runtime/runtime.h"
#include "steer/v1/generation.pb.h"

namespace steer {

// What one completion has told and its reader has not got yet; tokens are put together. Not
// thread-safe.
class CompletionBuffer {
 public:
  // `number` is 0 .. n - 1.
  explicit CompletionBuffer(int number) : number_(number) {}

  void Add(const TokenEvent& event);
  // The last one. Text that was held back joins the tokens.
  void Finish(FinishedEvent event);
  // The reader will not get them.
  void DropTokens();

  // Puts the next message into `message`: tokens, then the end. False if there is none now.
  bool Take(const Admitted& admitted, v1::GenerateResponse& message);

  size_t bytes() const { return bytes_; }  // of the tokens it holds, about
  const std::optional<FinishedEvent>& finished() const { return finished_; }

 private:
  int number_;
  v1::GeneratedTokens unread_;
  size_t bytes_ = 0;
  std::optional<FinishedEvent> finished_;
  bool finished_taken_ = false;
};

// Whether this end is an answer with a receipt: one that its deadline cut is.
bool IsAnswer(const FinishedEvent& event);

}  // namespace steer
