#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/learn/extraction_params.h"

namespace steer {

// The features of a sparse autoencoder that tell positive answers from negative ones (STA; see
// FeatureSelectionParams). Not thread-safe.
class FeatureSelection {
 public:
  // `params` are valid.
  explicit FeatureSelection(const FeatureSelectionParams& params);

  // One pair's activations, [hidden].
  void Add(std::span<const float> positive, std::span<const float> negative);

  struct Selected {
    std::vector<double> direction;  // [hidden], the kept features' scores along their decoder rows
    int features = 0;               // that are kept
  };
  // nullopt if no feature is kept. At least one pair has been added.
  std::optional<Selected> Select() const;

 private:
  std::vector<float> Encode(std::span<const float> h) const;  // [features]

  const FeatureSelectionParams params_;
  const SiteUpdate& autoencoder_;
  int pairs_ = 0;
  std::vector<double> difference_;     // by feature: sum of what it is more behind positive answers
  std::vector<int> count_difference_;  // and in how many answers more it is above 0
};

}  // namespace steer
