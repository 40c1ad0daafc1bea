#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

// Two devices, one copy of the weights.
class TwoPoolsTest : public ServerTest {
 protected:
  void Prepare() override { options_.runtime.devices = {"cpu:0", "cpu:1"}; }
};

TEST_F(TwoPoolsTest, BothComputeAndAnswerAlike) {
  grpc::ClientContext model_context;
  v1::Model model;
  ASSERT_TRUE(model_->GetModel(&model_context, {}, &model).ok());
  ASSERT_EQ(model.pools_size(), 2);
  EXPECT_EQ(model.pools(0).name(), "cpu:0");
  EXPECT_EQ(model.pools(1).name(), "cpu:1");
  EXPECT_TRUE(model.pools(0).healthy() && model.pools(1).healthy());

  // While one is busy, the next request goes to the other.
  std::set<std::string> used;
  std::set<std::vector<int32_t>> answers;
  std::vector<std::thread> callers;
  Mutex mutex;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&] {
      const Answer answer = Generate(Long());
      const MutexLock lock(mutex);
      EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
      used.insert(answer.finished.receipt().pool());
      answers.insert(answer.ids);
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_THAT(used, ElementsAre("cpu:0", "cpu:1"));
  EXPECT_EQ(answers.size(), 1u);
}

}  // namespace
}  // namespace steer
