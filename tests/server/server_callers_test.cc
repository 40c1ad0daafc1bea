// Callers who leave, are late, read slowly or not at all.

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"
#include "tests/server/small_window.h"

namespace steer {
namespace {

TEST_F(ServerTest, ACancelledGenerationFreesTheDevice) {
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    const auto reader = generation_->Generate(&context, Long());
    v1::GenerateResponse response;
    // Some before their first message, some in the middle.
    for (int read = 0; read < i % 4; ++read) ASSERT_TRUE(reader->Read(&response));
    context.TryCancel();
    while (reader->Read(&response)) {
    }
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_TRUE(FreeWithin(std::chrono::seconds(5)));
}

TEST_F(ServerTest, ADeadlineEndsAGeneration) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(15));
  v1::GenerateRequest request = Long();
  const auto reader = generation_->Generate(&context, request);
  v1::GenerateResponse response;
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(FreeWithin(std::chrono::seconds(5)));
}

TEST_F(ServerTest, ASlowReaderLosesNothing) {
  const Answer quick = Generate(Long());
  ASSERT_TRUE(quick.status.ok());
  Connect(SmallWindow());
  grpc::ClientContext context;
  const auto reader = generation_->Generate(&context, Long());
  ASSERT_TRUE(FreeWithin(std::chrono::seconds(20)));  // the engine does not wait for the reader
  v1::GenerateResponse response;
  std::vector<int32_t> ids;
  while (reader->Read(&response)) {
    ids.insert(ids.end(), response.tokens().ids().begin(), response.tokens().ids().end());
  }
  EXPECT_TRUE(reader->Finish().ok());
  // In how many messages is a matter of timing here; stream_reactor_test fixes what goes together.
  EXPECT_EQ(ids, quick.ids);
}

TEST_F(ServerTest, AReaderThatStopsReadingIsCancelledAlone) {
  Connect(SmallWindow());
  grpc::ClientContext context;
  const auto stuck = generation_->Generate(&context, Long());
  const auto start = Clock::now();
  std::this_thread::sleep_for(std::chrono::seconds(13));
  const Answer other = Generate(Long());
  EXPECT_TRUE(other.status.ok()) << other.status.error_message();
  v1::GenerateResponse response;
  bool finished = false;
  while (stuck->Read(&response)) finished = finished || response.has_finished();
  EXPECT_FALSE(finished);
  EXPECT_EQ(stuck->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_LT(SecondsSince(start), 30);
}

TEST_F(ServerTest, ManyCallersWhoLeaveAtAnyMoment) {
  std::atomic<int> completed{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 15; ++i) {
        grpc::ClientContext context;
        v1::GenerateRequest request = Long();
        request.mutable_sampling()->set_max_tokens(30);
        const auto reader = generation_->Generate(&context, request);
        v1::GenerateResponse response;
        const int stop_after = (7 * i + caller) % 12;  // messages; more than 10 reads to the end
        for (int read = 0; read < stop_after || stop_after > 10; ++read) {
          if (!reader->Read(&response)) break;
        }
        if (stop_after <= 10) context.TryCancel();
        while (reader->Read(&response)) {
        }
        if (reader->Finish().ok()) ++completed;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GT(completed, 0);
  EXPECT_TRUE(FreeWithin(std::chrono::seconds(10)));
  StopRequests stop;
  stop.Add();
  EXPECT_TRUE(server_->Drain(stop));  // no call is forgotten in the count
}

}  // namespace
}  // namespace steer
