#pragma once

#include <optional>
#include <vector>

#include "core/learn/activation_rows.h"

namespace steer {

struct PrincipalComponent {
  std::vector<double> direction;  // [width], of length 1; which of its two signs is left open
  double explained_share = 0;     // of the sum of all rows' squares
};

// The direction u of length 1 with the largest |X u|, and that square's share of the rows' own;
// nullopt if all rows are 0. Takes products with X only: no matrix of rows by rows or width by
// width. Equal rows give equal bits.
std::optional<PrincipalComponent> FindPrincipalComponent(const ActivationRows& rows);

}  // namespace steer
