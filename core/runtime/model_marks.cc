#include "core/runtime/model_marks.h"

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"

namespace steer {

ModelMarks MarksOf(const Checkpoint& checkpoint, const Tokenizer& tokenizer) {
  const ModelConfig& config = checkpoint.config;
  ModelMarks marks;
  const ModelShape shape = config.shape();
  marks.shape =
      Sha256Hex(absl::StrCat("model-shape/1;", config.architecture, ";", shape.layers, ";",
                             shape.hidden, ";", shape.ffn, ";", shape.q_width, ";", shape.kv_width,
                             ";", config.vocabulary, ";", tokenizer.fingerprint()));
  Sha256 weights;
  weights.Update("model-weights/1;");
  const TensorMap tensors =
      checkpoint.gguf != nullptr ? checkpoint.gguf->tensors() : checkpoint.tensors;
  tensors.ForEach([&](absl::string_view name, const StoredTensor& tensor) {
    weights.Update(absl::StrCat(name.size(), ":", name, ";", Name(tensor.encoding), ";",
                                ShapeString(tensor.shape), ";", tensor.bytes.size(), ";"));
    weights.Update(tensor.bytes);
    // What is read for the hash alone does not stay; weights that lie in the file come back.
    if (tensor.file != nullptr) tensor.file->Release(tensor.bytes);
  });
  marks.weights = weights.HexDigest();
  return marks;
}

}  // namespace steer
