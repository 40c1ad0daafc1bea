#include "core/learn/feature_selection.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/signal/signal_data.h"

namespace steer {
namespace {

// The least size that is among the largest `share` of those that are not 0.
double Threshold(const std::vector<double>& scores, double share) {
  std::vector<double> sizes;
  for (const double score : scores)
    if (score != 0) sizes.push_back(std::abs(score));
  const auto kept = static_cast<size_t>(std::ceil(share * static_cast<double>(sizes.size())));
  if (kept == 0) return INFINITY;
  const auto last = sizes.begin() + static_cast<std::ptrdiff_t>(kept) - 1;
  std::nth_element(sizes.begin(), last, sizes.end(), std::greater<>());
  return *last;
}

}  // namespace

FeatureSelection::FeatureSelection(const FeatureSelectionParams& params)
    : params_(params), autoencoder_(params_.autoencoder->updates.front()) {
  const auto features = static_cast<size_t>(autoencoder_.tensors.at("b_enc").shape[0]);
  difference_.resize(features);
  count_difference_.resize(features);
}

std::vector<float> FeatureSelection::Encode(std::span<const float> h) const {
  const std::span<const float> weights = autoencoder_.tensors.at("W_enc").floats();
  const std::span<const float> biases = autoencoder_.tensors.at("b_enc").floats();
  const auto thresholds = autoencoder_.tensors.find("threshold");
  std::vector<float> features(biases.size());
  for (size_t i = 0; i < features.size(); ++i) {
    const std::span<const float> row = weights.subspan(i * h.size(), h.size());
    const float z = std::inner_product(h.begin(), h.end(), row.begin(), biases[i]);
    const float least =
        thresholds == autoencoder_.tensors.end() ? 0 : thresholds->second.floats()[i];
    features[i] = z > least ? z : 0;
  }
  return features;
}

void FeatureSelection::Add(std::span<const float> positive, std::span<const float> negative) {
  const std::vector<float> p = Encode(positive), n = Encode(negative);
  for (size_t i = 0; i < p.size(); ++i) {
    difference_[i] += static_cast<double>(p[i]) - n[i];
    count_difference_[i] += (p[i] > 0) - (n[i] > 0);
  }
  ++pairs_;
}

std::optional<FeatureSelection::Selected> FeatureSelection::Select() const {
  using By = FeatureSelectionParams::By;
  const std::vector<double> counts(count_difference_.begin(), count_difference_.end());
  const double share = 1 - params_.trim;
  const double least_size = Threshold(difference_, share), least_count = Threshold(counts, share);
  const std::span<const float> decoder = autoencoder_.tensors.at("W_dec").floats();
  const size_t hidden = decoder.size() / counts.size();
  Selected selected = {.direction = std::vector<double>(hidden)};
  for (size_t i = 0; i < counts.size(); ++i) {
    if (params_.by != By::kFrequency && !(std::abs(difference_[i]) >= least_size)) continue;
    if (params_.by != By::kActivation && !(std::abs(counts[i]) >= least_count)) continue;
    if (params_.by == By::kBoth && !(difference_[i] * counts[i] > 0)) continue;
    ++selected.features;
    for (size_t d = 0; d < hidden; ++d)
      selected.direction[d] += difference_[i] / pairs_ * decoder[i * hidden + d];
  }
  if (selected.features == 0) return std::nullopt;
  return selected;
}

}  // namespace steer
