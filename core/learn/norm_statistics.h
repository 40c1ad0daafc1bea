#pragma once

#include <vector>

#include "core/control/control_signal.h"
#include "core/learn/activation.h"
#include "core/model/decoder.h"
#include "core/signal/forced_text.h"

namespace steer {

// How much a signal adds beside what there is, at a block's output, over texts' ordinary tokens
// (see OrdinaryTokens). A value.
struct NormStatistics {
  NormSum activation;  // |h| of the plain model
  NormSum change;      // |h' - h| at a multiplier of 1

  // Counts a text in. `terms`, none or sorted by site, act at or below block_out of `layer`. Needs
  // the device to itself; throws what libtorch throws.
  void Add(const Decoder& decoder, const ForcedText& text, const std::vector<SignalTerm>& terms,
           int layer);
};

}  // namespace steer
