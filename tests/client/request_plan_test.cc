#include "client/loadgen/request_plan.h"

#include <numeric>
#include <set>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::google::protobuf::util::MessageDifferencer;

LoadOptions Options() {
  LoadOptions options;
  options.prompt_tokens = 20;
  options.max_tokens = 8;
  return options;
}

RequestPlan Plan(const LoadOptions& options, std::vector<std::string> signals = {}) {
  std::vector<int32_t> ids(static_cast<size_t>(options.prompt_tokens + kPromptOffsets));
  std::iota(ids.begin(), ids.end(), 100);
  return RequestPlan(options, std::move(ids), std::move(signals));
}

std::vector<int32_t> Prompt(const RequestPlan& plan, int64_t number) {
  const v1::GenerateRequest request = plan.Request(0, number).request;
  return {request.prompt().tokens().ids().begin(), request.prompt().tokens().ids().end()};
}

TEST(RequestPlanTest, FollowsFromSeedStreamAndNumber) {
  LoadOptions options = Options();
  options.cancelled_share = 0.5;
  const RequestPlan plan = Plan(options);
  for (int number = 0; number < 50; ++number) {
    const PlannedRequest one = plan.Request(0, number);
    const PlannedRequest again = Plan(options).Request(0, number);
    EXPECT_TRUE(MessageDifferencer::Equals(one.request, again.request));
    EXPECT_EQ(one.cancel_after, again.cancel_after);
  }
  EXPECT_NE(Prompt(plan, 0), Prompt(plan, 1));
  options.seed = 2;
  EXPECT_NE(Prompt(Plan(options), 0), Prompt(plan, 0));
}

TEST(RequestPlanTest, PromptsShareTheirPrefixAndDifferBehindIt) {
  for (const int shared : {0, 7, 19}) {
    LoadOptions options = Options();
    options.shared_prefix = shared;
    const RequestPlan plan = Plan(options);
    const std::vector<int32_t> first = Prompt(plan, 0);
    std::set<std::vector<int32_t>> rests;
    for (int number = 0; number < 20; ++number) {
      const std::vector<int32_t> prompt = Prompt(plan, number);
      ASSERT_EQ(prompt.size(), 20u);
      EXPECT_TRUE(std::equal(first.begin(), first.begin() + shared, prompt.begin()));
      rests.emplace(prompt.begin() + shared, prompt.end());
    }
    if (shared < 16) {
      EXPECT_EQ(rests.size(), 20u) << shared;
    }
    EXPECT_GT(rests.size(), 10u) << shared;
  }
}

TEST(RequestPlanTest, CancelsItsShareAtPointsAllOver) {
  LoadOptions options = Options();
  for (const double share : {0.0, 0.3, 1.0}) {
    options.cancelled_share = share;
    const RequestPlan plan = Plan(options);
    int cancelled = 0;
    std::set<int> points;
    for (int number = 0; number < 1000; ++number) {
      const std::optional<int> after = plan.Request(0, number).cancel_after;
      if (!after) continue;
      ++cancelled;
      points.insert(*after);
    }
    EXPECT_NEAR(cancelled, 1000 * share, share == 0.3 ? 60 : 0);
    EXPECT_EQ(points.size(), share > 0 ? 8u : 0u) << "0 .. max_tokens - 1";
  }
}

TEST(RequestPlanTest, SpreadsTheSignalsOverTheSteeredStreams) {
  LoadOptions options = Options();
  options.steered_share = 0.5;
  options.multiplier = 3;
  options.ignore_eos = true;
  const RequestPlan plan = Plan(options, {"a", "b"});
  std::multiset<std::string> signals;
  for (int stream = 0; stream < 8; ++stream) {
    const v1::GenerateRequest request = plan.Request(stream, stream).request;
    EXPECT_TRUE(request.sampling().ignore_eos());
    for (const v1::Control& control : request.controls()) {
      EXPECT_EQ(control.multiplier(), 3);
      signals.insert(control.signal());
    }
  }
  EXPECT_THAT(signals, testing::UnorderedElementsAre("a", "a", "b", "b"));
}

}  // namespace
}  // namespace steer
