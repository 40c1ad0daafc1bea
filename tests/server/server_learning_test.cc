// Jobs over a channel: watched to their end, and what they tell on the way.

#include <functional>

#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

class ServerLearningTest : public ServerTest {
 protected:
  // The job at its end; `on_change` sees it whenever it changes.
  v1::Job Watched(const v1::StartJobRequest& request,
                  const std::function<void(const v1::Job&)>& on_change) {
    grpc::ClientContext start_context;
    v1::Job job;
    const grpc::Status started = learning_->StartJob(&start_context, request, &job);
    EXPECT_TRUE(started.ok()) << started.error_message();
    grpc::ClientContext context;
    v1::WatchJobRequest watch;
    watch.set_id(job.id());
    const auto reader = learning_->WatchJob(&context, watch);
    while (reader->Read(&job)) on_change(job);
    EXPECT_TRUE(reader->Finish().ok());
    return job;
  }
};

TEST_F(ServerLearningTest, AJobIsWatchedToItsEndAndItsSignalSteers) {
  v1::StartJobRequest request;
  AddPairs(4, request);
  v1::Extraction& extraction = *request.mutable_extraction();
  extraction.mutable_difference_of_means();
  extraction.set_layer(1);
  request.set_alias("learnt");
  request.set_promote(true);
  const v1::Job job = Watched(request, [](const v1::Job&) {});
  EXPECT_EQ(job.state(), v1::Job::SUCCEEDED) << job.error();
  EXPECT_EQ(job.done(), job.total());
  v1::GenerateRequest generate = Long();
  generate.mutable_sampling()->set_max_tokens(4);
  generate.add_controls()->set_signal("learnt");
  const Answer answer = Generate(generate);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.finished.receipt().controls(0).control().signal_id(), job.signal_id());

  grpc::ClientContext missing_context;
  v1::WatchJobRequest watch;
  watch.set_id("no such job");
  const auto missing = learning_->WatchJob(&missing_context, watch);
  v1::Job none;
  EXPECT_FALSE(missing->Read(&none));
  EXPECT_EQ(missing->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerLearningTest, ATrainingJobTellsOfItsStepsAndItsSignalSteers) {
  v1::StartJobRequest request;
  AddPairs(4, request);
  request.set_alias("trained");
  request.set_promote(true);
  v1::Training& training = *request.mutable_training();
  training.mutable_split()->set_gamma(6);
  training.set_kind("lora");
  training.set_steps(12);
  int last_step = 0, changes = 0;
  const v1::Job job = Watched(request, [&](const v1::Job& now) {
    if (!now.has_training()) return;
    EXPECT_GE(now.training().step(), last_step);
    last_step = now.training().step();
    ++changes;
    EXPECT_EQ(now.training().steps(), 12);
    EXPECT_GT(now.training().loss(), 0);
    EXPECT_GT(now.training().winning_loss(), 0);
    EXPECT_TRUE(now.training().has_losing_loss());
    EXPECT_GT(now.training().gradient_norm(), 0);
    EXPECT_GT(now.training().tokens_per_second(), 0);
  });
  ASSERT_EQ(job.state(), v1::Job::SUCCEEDED) << job.error();
  EXPECT_EQ(job.learner(), "split");
  EXPECT_EQ(last_step, 12);
  EXPECT_GT(changes, 0);
  EXPECT_EQ(job.results().at("steps"), 12);
  v1::GenerateRequest generate = Long();
  generate.mutable_sampling()->set_max_tokens(4);
  generate.add_controls()->set_signal("trained");
  const Answer answer = Generate(generate);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.finished.receipt().controls(0).control().sites(0), "layers.1.block_out");
}

}  // namespace
}  // namespace steer
