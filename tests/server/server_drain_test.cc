// The end of a server: it drains, or it is cut.

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

TEST_F(ServerTest, DrainingLetsWorkEndAndRefusesNewWork) {
  // An upload that is under way keeps the server draining for as long as the test needs.
  const std::string file = VectorFile(1);
  grpc::ClientContext upload_context;
  v1::RegisterSignalResponse stored;
  const auto upload = signals_->RegisterSignal(&upload_context, &stored);
  v1::RegisterSignalRequest part;
  *part.mutable_header() = HeaderOf(file, "");
  ASSERT_TRUE(upload->Write(part));
  grpc::ClientContext context;
  const auto reader = generation_->Generate(&context, Long());
  v1::GenerateResponse response;
  ASSERT_TRUE(reader->Read(&response));

  StopRequests stop;
  stop.Add();
  std::atomic<bool> clean{false};
  std::thread drain([&] { clean = server_->Drain(stop); });
  Answer late;
  while (late.status.ok()) late = Generate(Long());
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(late.status.error_message(), HasSubstr("draining"));

  bool finished = false;
  while (reader->Read(&response)) finished = finished || response.has_finished();
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(finished);
  part.set_chunk(file);
  EXPECT_TRUE(upload->Write(part));
  upload->WritesDone();
  EXPECT_TRUE(upload->Finish().ok());
  drain.join();
  EXPECT_TRUE(clean);
}

TEST_F(ServerTest, DrainingInterruptsJobsAndEndsWhoWatches) {
  v1::StartJobRequest request;
  AddPairs(4, request);
  request.mutable_training()->mutable_sft();
  request.mutable_training()->set_kind("vector");
  request.mutable_training()->set_steps(1000000);
  grpc::ClientContext start_context;
  v1::Job job;
  ASSERT_TRUE(learning_->StartJob(&start_context, request, &job).ok());
  grpc::ClientContext watch_context;
  v1::WatchJobRequest watch;
  watch.set_id(job.id());
  const auto reader = learning_->WatchJob(&watch_context, watch);
  v1::Job seen;
  ASSERT_TRUE(reader->Read(&seen));
  StopRequests stop;
  stop.Add();
  EXPECT_TRUE(server_->Drain(stop));
  while (reader->Read(&seen)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  // It goes on after a restart.
  EXPECT_EQ(runtime_->jobs().Get(job.id())->state, JobState::kQueued);
}

TEST_F(ServerTest, ASecondStopRequestCuts) {
  grpc::ClientContext context;
  v1::RegisterSignalResponse response;
  const auto writer = signals_->RegisterSignal(&context, &response);
  v1::RegisterSignalRequest part;
  *part.mutable_header() = HeaderOf(VectorFile(1), "");
  ASSERT_TRUE(writer->Write(part));  // and then nothing more: an upload that would last for ever
  // The header must have arrived, or there is nothing to cut.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  StopRequests stop;
  stop.Add();
  stop.Add();
  const auto start = Clock::now();
  EXPECT_FALSE(server_->Drain(stop));
  EXPECT_LT(SecondsSince(start), 5);
  EXPECT_FALSE(writer->Finish().ok());
}

}  // namespace
}  // namespace steer
