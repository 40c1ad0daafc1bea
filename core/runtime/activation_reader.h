#pragma once

#include <memory>

#include "core/engine/engine.h"
#include "core/learn/activation.h"
#include "core/model/decoder.h"
#include "core/signal/site.h"

namespace steer {

// The learners' way to the model: runs the plain decoder up to the last layer that is asked for on
// one text and returns what its site, block_out or kv, is like. Each text is one unit of background
// work on the engine's thread. Blocks the calling thread.
ReadActivations MakeActivationReader(Engine* engine, std::shared_ptr<const Decoder> decoder,
                                     SiteKind site = SiteKind::kBlockOut);

}  // namespace steer
