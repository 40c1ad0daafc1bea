// Scores, and jobs that learn.

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

TEST_F(ServerTest, AJobIsWatchedToItsEndAndItsSignalSteers) {
  v1::StartJobRequest request;
  AddPairs(4, request);
  request.mutable_difference_of_means()->set_layer(1);
  request.set_alias("learnt");
  grpc::ClientContext start_context;
  v1::Job job;
  ASSERT_TRUE(learning_->StartJob(&start_context, request, &job).ok());
  grpc::ClientContext watch_context;
  v1::WatchJobRequest watch;
  watch.set_id(job.id());
  const auto reader = learning_->WatchJob(&watch_context, watch);
  while (reader->Read(&job)) {
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.error();
  EXPECT_EQ(job.done(), job.total());
  v1::GenerateRequest generate = Long();
  generate.mutable_sampling()->set_max_tokens(4);
  generate.add_controls()->set_signal("learnt");
  const Answer answer = Generate(generate);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.finished.receipt().controls(0).control().signal_id(), job.signal_id());

  grpc::ClientContext missing_context;
  watch.set_id("no such job");
  const auto missing = learning_->WatchJob(&missing_context, watch);
  EXPECT_FALSE(missing->Read(&job));
  EXPECT_EQ(missing->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace steer
