#include <cmath>

#include "client/loadgen/ingredients.h"
#include "client/loadgen/latency.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(SummarizeTest, NearestRank) {
  std::vector<double> samples;
  for (int i = 100; i >= 1; --i) samples.push_back(i);
  const LatencySummary summary = Summarize(samples);
  EXPECT_EQ(summary.p50, 50);
  EXPECT_EQ(summary.p90, 90);
  EXPECT_EQ(summary.p99, 99);
  EXPECT_EQ(summary.max, 100);
  EXPECT_EQ(summary.samples, 100u);
}

TEST(SummarizeTest, OneSampleAndNone) {
  EXPECT_EQ(Summarize({7}).p50, 7);
  EXPECT_EQ(Summarize({7}).p99, 7);
  EXPECT_EQ(Summarize({}).p99, 0);
  EXPECT_EQ(Summarize({}).samples, 0u);
}

TEST(RandomVectorFileTest, IsASignalOfTheGivenLength) {
  v1::Model model;
  model.set_hidden(48);
  model.set_shape_mark("shape");
  model.set_weights_mark("weights");
  const std::string file = RandomVectorFile(model, 3, 0.25, 1);
  EXPECT_EQ(file, RandomVectorFile(model, 3, 0.25, 1));
  EXPECT_NE(file, RandomVectorFile(model, 3, 0.25, 2));

  const auto parsed = SafetensorsFile::Parse(
      std::span(reinterpret_cast<const std::byte*>(file.data()), file.size()));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ((*parsed)->metadata().at("kind"), "vector");
  EXPECT_EQ((*parsed)->metadata().at("model_shape"), "shape");
  const SafetensorsFile::Tensor& tensor = (*parsed)->tensors().at("layers.3.block_out.v");
  EXPECT_EQ(tensor.shape, std::vector<int64_t>{48});
  double square = 0;
  for (const float value : ToFloats(tensor.dtype, tensor.bytes)) square += double{value} * value;
  EXPECT_NEAR(std::sqrt(square), 0.25, 1e-6);
}

}  // namespace
}  // namespace steer
