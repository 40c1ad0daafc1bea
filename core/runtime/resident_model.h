#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/model/decoder.h"
#include "core/runtime/runtime.h"
#include "core/tokenizer/chat_template.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// What one model file gives: weights on a device, its tokenizer and template, and what callers are
// told of it. Immutable after loading; the file is closed again.
struct ResidentModel {
  ModelInfo info;
  std::unique_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<const ChatTemplate> chat;  // null: raw prompts only
  std::shared_ptr<const Decoder> decoder;

  // Takes model_path, dtype and device of the options. INVALID_ARGUMENT names the option; otherwise
  // as in GgufFile, ModelConfig, Tokenizer and Decoder.
  static absl::StatusOr<ResidentModel> Load(const RuntimeOptions& options);
};

}  // namespace steer
