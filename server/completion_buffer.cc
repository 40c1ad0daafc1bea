#include "server/completion_buffer.h"

#include <utility>

#include "server/answers.h"

namespace steer {

bool IsAnswer(const FinishedEvent& event) {
  return event.status.ok() || event.reason == FinishReason::kDeadline;
}

void CompletionBuffer::Add(const TokenEvent& event) {
  bytes_ += event.text.size() + sizeof(event.token) + sizeof(float) +
            event.top.size() * sizeof(TokenLogProb);
  unread_.mutable_text()->append(event.text);
  unread_.add_ids(event.token);
  if (event.log_prob) unread_.add_log_probs(*event.log_prob);
  if (!event.top.empty()) *unread_.add_top_log_probs() = ToProto(event.top);
}

void CompletionBuffer::Finish(FinishedEvent event) {
  unread_.mutable_text()->append(event.tail_text);
  finished_ = std::move(event);
}

void CompletionBuffer::DropTokens() {
  unread_.Clear();
  bytes_ = 0;
}

bool CompletionBuffer::Take(const Admitted& admitted, v1::GenerateResponse& message) {
  if (unread_.ids_size() > 0 || !unread_.text().empty()) {
    unread_.set_completion(number_);
    message.mutable_tokens()->Swap(&unread_);
    DropTokens();
    return true;
  }
  if (!finished_ || finished_taken_ || !IsAnswer(*finished_)) return false;
  finished_taken_ = true;
  *message.mutable_finished() = ToProto(admitted, *finished_);
  message.mutable_finished()->set_completion(number_);
  return true;
}

}  // namespace steer
