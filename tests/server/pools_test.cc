#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "server/answers.h"
#include "server/engine_collector.h"
#include "server/pool_health.h"
#include "server/service_names.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

std::vector<PoolStats> TwoPools() {
  std::vector<PoolStats> pools(2);
  pools[0].name = "cpu:0";
  pools[0].engine = {.running = 2,
                     .kv_blocks_used = 5,
                     .kv_blocks_cached = 7,
                     .kv_blocks_total = 20,
                     .kv_usage = 0.25,
                     .reused_tokens = 48,
                     .preemptions = 3,
                     .units = 4,
                     .unit_seconds = 0.5};
  pools[0].block_size = 16;
  pools[1].name = "cpu:1";
  pools[1].engine.failed = true;
  return pools;
}

TEST(EngineCollectorTest, EveryPoolIsASeriesOfEveryFamily) {
  const std::vector<prometheus::MetricFamily> families = ToFamilies(TwoPools());
  for (const prometheus::MetricFamily& family : families) {
    EXPECT_EQ(family.metric.size(), 2u) << family.name;
  }
  const std::string text = prometheus::TextSerializer().Serialize(families);
  for (const char* line :
       {R"(steer_requests_running{pool="cpu:0"} 2)", R"(steer_requests_running{pool="cpu:1"} 0)",
        R"(steer_kv_blocks_used{pool="cpu:0"} 5)", R"(steer_kv_blocks_cached{pool="cpu:0"} 7)",
        R"(steer_kv_cache_usage_ratio{pool="cpu:0"} 0.25)",
        R"(steer_kv_cache_usage_ratio{pool="cpu:1"} 0)",
        R"(steer_prefix_reused_tokens_total{pool="cpu:0"} 48)",
        R"(steer_preemptions_total{pool="cpu:0"} 3)",
        R"(steer_background_units_total{pool="cpu:0"} 4)",
        R"(steer_background_unit_seconds_total{pool="cpu:0"} 0.5)",
        R"(steer_pool_healthy{pool="cpu:0"} 1)", R"(steer_pool_healthy{pool="cpu:1"} 0)"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(PoolHealthTest, AFailedDeviceTakesOnlyItsPoolOut) {
  const std::map<std::string, bool> serving = ServingStatus(TwoPools());
  EXPECT_TRUE(serving.at("pool/cpu:0"));
  EXPECT_FALSE(serving.at("pool/cpu:1"));
  EXPECT_TRUE(serving.at(""));
  for (const std::string& service : ServiceNames()) EXPECT_TRUE(serving.at(service)) << service;
}

TEST(PoolHealthTest, ADeviceThatOnlyLearnsKeepsNothingServing) {
  std::vector<PoolStats> pools = TwoPools();
  std::swap(pools[0].engine, pools[1].engine);
  pools[1].learning_only = true;
  const std::map<std::string, bool> serving = ServingStatus(pools);
  EXPECT_TRUE(serving.at("pool/cpu:1"));
  EXPECT_FALSE(serving.at(""));
}

TEST(PoolHealthTest, WithoutADeviceNothingServes) {
  std::vector<PoolStats> pools = TwoPools();
  pools[0].engine.failed = true;
  for (const auto& [name, serves] : ServingStatus(pools)) EXPECT_FALSE(serves) << name;
}

TEST(AnswersTest, AModelTellsItsPoolsAndItsDefaults) {
  ModelInfo model;
  model.generation.temperature = 0.2;
  model.generation.top_k = 40;
  std::vector<PoolStats> pools = TwoPools();
  pools[1].learning_only = true;
  const v1::Model out = ToProto(model, pools);
  ASSERT_EQ(out.pools_size(), 2);
  EXPECT_EQ(out.pools(0).name(), "cpu:0");
  EXPECT_EQ(out.pools(0).kv_blocks(), 20);
  EXPECT_EQ(out.pools(0).kv_block_size(), 16);
  EXPECT_TRUE(out.pools(0).healthy());
  EXPECT_FALSE(out.pools(1).healthy());
  EXPECT_FALSE(out.pools(0).learning_only());
  EXPECT_TRUE(out.pools(1).learning_only());
  EXPECT_EQ(out.default_sampling().temperature(), 0.2);
  EXPECT_EQ(out.default_sampling().top_k(), 40);
  EXPECT_EQ(out.default_sampling().top_p(), 1);  // built in
  EXPECT_EQ(out.default_sampling().repetition_penalty(), 1);
  EXPECT_FALSE(out.default_sampling().has_seed());
  EXPECT_FALSE(out.default_sampling().has_max_tokens());
}

}  // namespace
}  // namespace steer
