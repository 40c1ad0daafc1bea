#include "core/schedule/event.h"

namespace steer {

absl::string_view Name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kEndOfText:
      return "end_of_text";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kDeadline:
      return "deadline";
    case FinishReason::kError:
      return "error";
    case FinishReason::kScored:
      return "scored";
  }
  return "error";
}

}  // namespace steer
