#pragma once

#include <map>

#include "ATen/core/Tensor.h"
#include "core/signal/site.h"

namespace steer {

// What a caller wants to see of a forward pass: put the sites in with undefined tensors, find them
// filled afterwards, with the values that left the site (controls included). Offered are the sites
// block_out and kv; the latter are [rows, 2 * kv_width], keys before they turn, then values.
using Taps = std::map<Site, at::Tensor>;

}  // namespace steer
