#pragma once

#include <map>

#include "ATen/core/Tensor.h"
#include "core/signal/site.h"

namespace steer {

// What a caller wants to see of a forward pass: put the sites in with undefined tensors, find them
// filled afterwards, with the values that left the site (controls included). Only block_out sites
// are offered.
using Taps = std::map<Site, at::Tensor>;

}  // namespace steer
