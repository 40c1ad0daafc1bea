#pragma once

#include <string>
#include <vector>

namespace steer {

// A question with one answer that shows the concept (A_p) and one that does not (A_n). All UTF-8.
struct PolarPair {
  std::string question;
  std::string positive;
  std::string negative;
};

// SHA-256, 64 hex digits, of all texts in order.
std::string HashOf(const std::vector<PolarPair>& pairs);

}  // namespace steer
