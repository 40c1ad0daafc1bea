#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "core/signal/forced_text.h"

namespace steer {

// How strong the controls that a scorer was made for are: a factor on each one's own multipliers,
// in their order. All 0 is the plain model.
using Strength = std::vector<double>;

// Texts that begin alike, such as one prompt with its two answers: what they share is computed
// once.
using ForcedGroup = std::vector<ForcedText>;

// Of one group: [strength][text of the group].
using GroupLogProbs = std::vector<std::vector<ForcedLogProbs>>;

// The analysis' only way to the model; runtime implements it with the engine. Thread-safe.
class Scorer {
 public:
  virtual ~Scorer() = default;
  // How many controls there are: the size of every Strength.
  virtual size_t controls() const = 0;
  // Judges every group at every strength and hands over each finished group with its number, one
  // at a time and in any order, on whatever thread. `cancelled` is polled from several threads;
  // when it answers true the call ends with CANCELLED.
  virtual absl::Status Score(const std::vector<ForcedGroup>& groups,
                             const std::vector<Strength>& strengths,
                             const std::function<bool()>& cancelled,
                             const std::function<void(size_t, GroupLogProbs)>& on_group) = 0;
};

}  // namespace steer
