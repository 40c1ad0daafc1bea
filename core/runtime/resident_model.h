#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/decoder.h"
#include "core/model/model_config.h"
#include "core/runtime/model_info.h"
#include "core/runtime/runtime_options.h"
#include "core/tokenizer/chat_template.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// What a model's files give: weights on each device, its tokenizer and template, and what callers
// are told of it. Immutable after loading; a file stays mapped as long as weights lie in it.
struct ResidentModel {
  ModelInfo info;
  std::unique_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<const ChatTemplate> chat;  // null: raw prompts only
  std::shared_ptr<const ModelConfig> config;
  std::vector<std::shared_ptr<const Decoder>> decoders;  // one per distinct device

  const Decoder& decoder() const { return *decoders.front(); }

  // Takes model_path, generation_config_path, dtype and the devices of the options.
  // INVALID_ARGUMENT names the option; otherwise as in Checkpoint, Tokenizer and Decoder. Logs how
  // far it is, if the files are large.
  static absl::StatusOr<ResidentModel> Load(const RuntimeOptions& options);
};

// A pool's name and its device: "cpu:1" is the CPU like "cpu:0".
struct PoolDevice {
  std::string name;
  at::Device device;
  bool serves = true;  // or learns and does nothing else
};
// Those that serve, in the order of the options, then the one that learns, if there is one.
// INVALID_ARGUMENT if this libtorch has no such device.
absl::StatusOr<std::vector<PoolDevice>> PoolDevicesOf(const RuntimeOptions& options);

}  // namespace steer
