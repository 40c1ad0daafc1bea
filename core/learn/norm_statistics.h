#pragma once

#include <cstdint>
#include <vector>

#include "core/control/control_signal.h"
#include "core/model/decoder.h"
#include "core/signal/forced_text.h"

namespace steer {

// How much a signal adds beside what there is, at a block's output: means over tokens, those of the
// template's head left out, since their norms stand apart. A value.
struct NormStatistics {
  double activation = 0;  // |h| of the plain model
  double change = 0;      // |h' - h| at a multiplier of 1
  int64_t tokens = 0;

  // Counts a text in. `terms`, none or sorted by site, act at or below block_out of `layer`. Needs
  // the device to itself; throws what libtorch throws.
  void Add(const Decoder& decoder, const ForcedText& text, const std::vector<SignalTerm>& terms,
           int layer);
};

}  // namespace steer
