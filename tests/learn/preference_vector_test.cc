#include "core/learn/preference_vector.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

SignalData OneSite(SignalKind kind, std::map<std::string, HostTensor> tensors) {
  return {.kind = kind,
          .updates = {{{1, SiteKind::kDownProj}, Read::kSiteInput, std::move(tensors)}},
          .marks = {"shape", "weights"}};
}

TEST(PreferenceVectorTest, VectorsAndWeightsAreSubtracted) {
  const auto weight = [](float scale) {
    return OneSite(SignalKind::kLocalWeight,
                   {{"dW", HostTensor::FromFloats({2, 2}, std::vector<float>{scale, 2, 3, 4})},
                    {"db", HostTensor::FromFloats({2}, std::vector<float>{5 * scale, 6})}});
  };
  const SignalData difference = Difference(weight(3), weight(1));
  EXPECT_THAT(difference.updates[0].tensors.at("dW").floats(), ElementsAre(2, 0, 0, 0));
  EXPECT_THAT(difference.updates[0].tensors.at("db").floats(), ElementsAre(10, 0));
  EXPECT_EQ(difference.marks.shape, "shape");
}

TEST(PreferenceVectorTest, TwoLorasAreOneOfTwiceTheRank) {
  const auto lora = [](float seed) {
    std::vector<float> a(2 * 3), b(4 * 2);
    for (size_t i = 0; i < a.size(); ++i) a[i] = seed + static_cast<float>(i % 4);
    for (size_t i = 0; i < b.size(); ++i) b[i] = 1 - seed * static_cast<float>(i % 3);
    return OneSite(SignalKind::kLora, {{"A", HostTensor::FromFloats({2, 3}, a)},
                                       {"B", HostTensor::FromFloats({4, 2}, b)}});
  };
  const auto dense = [](const SignalData& signal) {
    const HostTensor& a = signal.updates[0].tensors.at("A");
    const HostTensor& b = signal.updates[0].tensors.at("B");
    const auto rank = static_cast<size_t>(a.shape[0]);
    std::vector<float> product(4 * 3);
    for (size_t out = 0; out < 4; ++out)
      for (size_t in = 0; in < 3; ++in)
        for (size_t r = 0; r < rank; ++r)
          product[out * 3 + in] += b.floats()[out * rank + r] * a.floats()[r * 3 + in];
    return product;
  };
  const SignalData difference = Difference(lora(1), lora(2));
  EXPECT_THAT(difference.updates[0].tensors.at("A").shape, ElementsAre(4, 3));
  EXPECT_THAT(difference.updates[0].tensors.at("B").shape, ElementsAre(4, 4));
  const std::vector<float> one = dense(lora(1)), two = dense(lora(2)), both = dense(difference);
  for (size_t i = 0; i < both.size(); ++i) EXPECT_FLOAT_EQ(both[i], one[i] - two[i]);
}

}  // namespace
}  // namespace steer
