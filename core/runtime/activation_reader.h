#pragma once

#include <memory>

#include "core/engine/engine.h"
#include "core/learn/difference_of_means.h"
#include "core/model/decoder.h"

namespace steer {

// The learners' way to the model: runs the plain decoder up to `layer` on one text and returns the
// fp32 mean of block_out over the answer's tokens. Each text is one unit of background work on the
// engine's thread. Blocks the calling thread.
MeanActivation MakeActivationReader(Engine* engine, std::shared_ptr<const Decoder> decoder);

}  // namespace steer
