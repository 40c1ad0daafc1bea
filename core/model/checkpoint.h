#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/files/gguf.h"
#include "core/files/model_folder.h"
#include "core/files/tensor_map.h"
#include "core/model/model_config.h"

namespace steer {

// A model's files, opened: what its decoder is made from. A GGUF file and a Hugging Face folder of
// one model differ no more from here on, except in how some tensors are stored, which the fields
// say.
struct Checkpoint {
  ModelConfig config;
  // By GGUF's names ("blk.3.attn_q.weight"), projections that were stored as one split into the
  // decoder's own. Mapped, not copied. Tensors that are no weights (RoPE factors, which are in
  // `config`) are taken already.
  TensorMap tensors;
  // Rows of q and k projections stand as llama-type GGUF files hold them: see
  // WeightLoader::TakeRotary.
  bool interleaved_rotary = false;
  // One of the two, for the tokenizer and the template.
  std::shared_ptr<const GgufFile> gguf;
  std::shared_ptr<const ModelFolder> folder;

  // `path` names a GGUF file or a folder. Errors as in GgufFile, ModelFolder and ModelConfig.
  static absl::StatusOr<Checkpoint> Open(const std::string& path);
  static absl::StatusOr<Checkpoint> FromGguf(std::shared_ptr<const GgufFile> file);
  static absl::StatusOr<Checkpoint> FromFolder(std::shared_ptr<const ModelFolder> folder);
};

}  // namespace steer
