#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/tensor_map.h"

namespace steer {

// A model as the Hugging Face libraries save it: a folder of config.json, generation_config.json,
// tokenizer.json, tokenizer_config.json, chat_template.jinja and safetensors, in one file or in
// shards with an index. Immutable and thread-safe.
class ModelFolder {
 public:
  // NOT_FOUND without the folder or its config.json.
  static absl::StatusOr<std::shared_ptr<const ModelFolder>> Open(const std::string& path);

  const std::string& path() const { return path_; }
  // The whole of one file of the folder; nullopt if there is none. INVALID_ARGUMENT if it cannot be
  // read, is not UTF-8 or has more than 256 MiB.
  absl::StatusOr<std::optional<std::string>> Text(absl::string_view name) const;
  // All tensors under their own names, mapped and not copied: model.safetensors, or the shards that
  // model.safetensors.index.json names. INVALID_ARGUMENT names a shard or tensor that is missing,
  // twice, or in another shard than the index says.
  absl::StatusOr<TensorMap> Tensors() const;

 private:
  explicit ModelFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace steer
