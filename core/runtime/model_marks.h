#pragma once

#include "core/files/gguf.h"
#include "core/model/model_config.h"
#include "core/signal/signal_data.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// The two marks that bind signals to a model. `shape` covers family, layers, widths and tokenizer;
// `weights` the tensors as they lie in the file (names, encodings, shapes, bytes), so it does not
// depend on the compute type. 64 hex digits each.
ModelMarks MarksOf(const ModelConfig& config, const Tokenizer& tokenizer, const GgufFile& file);

}  // namespace steer
