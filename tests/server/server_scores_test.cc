// Scores over a channel.

#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

TEST_F(ServerTest, AScoreStreamsAPointPerMultiplierThenASummary) {
  const std::string id = RegisterVector(0.5f, "calm");
  v1::ScoreRequest request;
  AddPairs(3, request);
  request.add_controls()->set_signal("calm");
  for (const double m : {-1.0, 0.0, 1.0, 2.0}) request.add_multipliers(m);
  grpc::ClientContext context;
  const auto reader = analysis_->Score(&context, request);
  v1::ScoreResponse response;
  std::vector<double> multipliers;
  v1::ScoreSummary summary;
  while (reader->Read(&response)) {
    if (response.has_summary()) summary = response.summary();
    if (!response.has_point()) continue;
    multipliers.push_back(response.point().multiplier());
    ASSERT_EQ(response.point().pairs_size(), 3);
    EXPECT_TRUE(response.point().pairs(0).prompt_is_prefix());
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_THAT(multipliers, ElementsAre(-1, 0, 1, 2));
  EXPECT_EQ(summary.pairs(), 3);
  ASSERT_EQ(summary.controls_size(), 1);
  EXPECT_EQ(summary.controls(0).signal_id(), id);
  EXPECT_TRUE(summary.has_slope());
  EXPECT_EQ(summary.slope().low_multiplier(), -1);
  EXPECT_EQ(summary.slope().high_multiplier(), 1);
}

TEST_F(ServerTest, AScoreStopsWhenItsCallerLeaves) {
  v1::ScoreRequest request;
  AddPairs(50, request);
  for (int i = 0; i < 1000; ++i) request.add_multipliers(i);
  grpc::ClientContext context;
  const auto reader = analysis_->Score(&context, request);
  v1::ScoreResponse response;
  ASSERT_TRUE(reader->Read(&response));
  context.TryCancel();
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(FreeWithin(std::chrono::seconds(5)));
  StopRequests stop;
  stop.Add();
  EXPECT_TRUE(server_->Drain(stop));
}

}  // namespace
}  // namespace steer
