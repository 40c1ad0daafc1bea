#pragma once

#include <cmath>
#include <random>
#include <span>
#include <vector>

#include "core/learn/extraction.h"
#include "gtest/gtest.h"

namespace steer {

// Pairs whose activations are noise of variance 1 in every dimension, and `strength` u more behind
// a positive answer, u being a direction of length 1. Layers differ in noise and scale.
class PlantedPairs {
 public:
  PlantedPairs(int pairs, int width, unsigned seed, double strength = 2)
      : pairs_(pairs), seed_(seed), strength_(strength), u_(width) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    double square = 0;
    for (double& value : u_) {
      value = normal(random);
      square += value * value;
    }
    for (double& value : u_) value /= std::sqrt(square);
  }

  PlantedPairs Twice() const {
    PlantedPairs twice = *this;
    twice.repeats_ = 2;
    return twice;
  }

  std::vector<Extraction> LearnLayers(const std::vector<int>& layers,
                                      const ExtractionParams& params) const {
    auto made = Extract(Texts(), layers, params, Reader(), [](int, int) { return true; });
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : std::vector<Extraction>();
  }
  absl::StatusOr<Extraction> Learn(const ExtractionParams& params) const {
    std::vector<Extraction> made = LearnLayers({0}, params);
    if (made.empty()) return absl::InternalError("nothing was learnt");
    return std::move(made.front());
  }

  double Cosine(const Extraction& extraction) const {
    double sum = 0;
    for (size_t i = 0; i < u_.size(); ++i) sum += extraction.v.floats()[i] * u_[i];
    return sum / extraction.norm;
  }
  int texts_read() const { return texts_read_; }
  void Forget() const { texts_read_ = 0; }

 private:
  // The number of a text is its only token behind the prompt: 2 i and 2 i + 1 are pair i.
  std::vector<ReadPair> Texts() const {
    const auto text = [](int number) {
      ReadText made;
      made.text.tokens = {0, number};
      made.text.layout.prompt_length = 1;
      made.read = {1, 2};
      return made;
    };
    std::vector<ReadPair> texts;
    for (int i = 0; i < repeats_ * pairs_; ++i)
      texts.push_back({text(i % pairs_ * 2), text(i % pairs_ * 2 + 1)});
    return texts;
  }

  ReadActivations Reader() const {
    return [this](const ReadText& text,
                  std::span<const int> layers) -> absl::StatusOr<std::vector<LayerActivation>> {
      ++texts_read_;
      const int number = text.text.tokens.back();
      std::vector<LayerActivation> activations;
      for (const int layer : layers) {
        std::mt19937 random(seed_ + 1000 * layer + 7919 * number);
        std::normal_distribution<double> normal;
        LayerActivation& activation = activations.emplace_back();
        for (const double u : u_) {
          const double value = 10 + normal(random) + (number % 2 == 0 ? strength_ * u : 0);
          activation.mean.push_back(static_cast<float>((1 + layer) * value));
        }
        activation.norms = {.sum = 1, .tokens = 1};
      }
      return activations;
    };
  }

  const int pairs_;
  const unsigned seed_;
  const double strength_;
  std::vector<double> u_;
  int repeats_ = 1;
  mutable int texts_read_ = 0;
};

}  // namespace steer
