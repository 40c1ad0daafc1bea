#pragma once

#include "core/model/checkpoint.h"
#include "core/signal/signal_data.h"
#include "core/tokenizer/tokenizer.h"

namespace steer {

// The two marks that bind signals to a model. `shape` covers family, layers, widths and tokenizer;
// `weights` the tensors as they are stored (encodings, shapes, bytes), a folder's under the names
// of a GGUF, so it does not depend on the compute type, nor on how a folder is cut into shards. 64
// hex digits each. Reads all weights once.
ModelMarks MarksOf(const Checkpoint& checkpoint, const Tokenizer& tokenizer);

}  // namespace steer
