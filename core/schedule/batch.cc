#include "core/schedule/batch.h"

#include <algorithm>

namespace steer {

PositionRange BatchEntry::forced() const {
  const PositionRange asked = sequence->request->forced();
  const int first = std::max(fresh, asked.begin);
  return {first, std::max(first, std::min(end(), asked.end))};
}

int Batch::rows() const {
  int rows = 0;
  for (const BatchEntry& entry : entries) rows += entry.count;
  return rows;
}

}  // namespace steer
