#pragma once

#include "core/signal/signal_data.h"

namespace steer {

// a - b at every site, for two signals of one kind at the same sites with the same reads: what a
// preference vector is of two runs (arXiv 2504.20106). Of two LoRAs of rank r a LoRA of rank 2 r,
// B = [B_a, -B_b], A = [A_a; A_b], which is the difference exactly; of the other kinds tensor by
// tensor. Marks and defaults are those of `a`.
SignalData Difference(const SignalData& a, const SignalData& b);

}  // namespace steer
