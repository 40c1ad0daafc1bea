#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

inline constexpr absl::string_view kChatMlStart = "<|im_start|>";
inline constexpr absl::string_view kChatMlEnd = "<|im_end|>";

// Reads a chat template, which is a Jinja program, just far enough to know that what it writes for
// plain conversations is ChatML, and returns its default system message (empty: it has none).
// UNIMPLEMENTED, with what was met, for a template that could write anything else: there is no
// interpreter, and a conversation rendered almost right would be wrong without anybody noticing.
absl::StatusOr<std::string> RecogniseChatMl(absl::string_view chat_template,
                                            const Tokenizer& tokenizer);

}  // namespace steer
