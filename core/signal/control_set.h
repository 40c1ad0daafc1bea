#pragma once

#include <memory>
#include <vector>

#include "core/signal/positions.h"

namespace steer {

class ControlSignal;  // core/control: the signal's tensors on a device

// One signal of a request with its strength, resolved to an exact version at admission.
struct ControlEntry {
  std::shared_ptr<const ControlSignal> signal;
  double m1 = 0;  // scales dW
  double m2 = 0;  // scales db; a vector has only this part
  PositionRule positions;
};

// In the order of the request, which is the order of application. No signal appears twice.
using ControlSet = std::vector<ControlEntry>;

}  // namespace steer
