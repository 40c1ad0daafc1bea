#include "client/steerctl/json.h"

#include "gtest/gtest.h"
#include "steer/v1/analysis.pb.h"
#include "steer/v1/learning.pb.h"
#include "steer/v1/model.pb.h"

namespace steer {
namespace {

using nlohmann::json;

// Without regard to the order of keys.
json Plain(const google::protobuf::Message& message) { return json::parse(ToJson(message).dump()); }

TEST(ToJsonTest, ShowsZerosAndLeavesOutUnsetOptionals) {
  v1::OddsAggregate aggregate;
  aggregate.set_preference(-0.5);
  EXPECT_EQ(Plain(aggregate),
            (json{{"preference", -0.5}, {"utility_valid", 0}, {"preference_positive_rate", 0.0}}));
  aggregate.set_utility(0);
  EXPECT_EQ(Plain(aggregate)["utility"], 0.0);
}

TEST(ToJsonTest, MapsEnumsAndBigNumbers) {
  v1::Job job;
  job.set_state(v1::Job::RUNNING);
  (*job.mutable_results())["norm"] = 2.5;
  job.set_created_unix_ms(1'700'000'000'123);
  const json result = Plain(job);
  EXPECT_EQ(result["state"], "RUNNING");
  EXPECT_EQ(result["results"], (json{{"norm", 2.5}}));
  EXPECT_EQ(result["created_unix_ms"], 1'700'000'000'123);
}

TEST(ToJsonTest, RepeatedFieldsAndMessages) {
  v1::ScorePoint point;
  point.mutable_mean()->set_utility_valid(3);
  point.add_pairs()->set_positive_tokens(4);
  const json result = Plain(point);
  EXPECT_EQ(result["mean"]["utility_valid"], 3);
  EXPECT_FALSE(result.contains("sum"));
  EXPECT_EQ(result["pairs"][0]["positive_tokens"], 4);
  EXPECT_EQ(Plain(v1::ScorePoint())["pairs"], json::array());
}

TEST(DumpTest, BytesThatAreNoUtf8AreReplaced) {
  v1::TokenizeResponse response;
  response.add_pieces("\xF0\x9F");
  const std::string text = Dump(ToJson(response));
  EXPECT_NE(text.find("\xEF\xBF\xBD"), std::string::npos);
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace
}  // namespace steer
