#include "server/metrics.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"

namespace steer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const Metrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.registry()->Collect());
}

FinishedEvent Finished(FinishReason reason) {
  FinishedEvent event;
  event.reason = reason;
  event.queue_seconds = 0.002;
  event.first_token_seconds = 0.03;
  event.total_seconds = 0.3;
  event.steered = {{.prompt = 7, .generated = 5}};
  return event;
}

TEST(MetricsTest, CountsAFinishedGenerationByReasonAndSignal) {
  Metrics metrics({"cpu:0", "cpu:1"}, 10);
  const std::string label = metrics.signal_labels().Use("calm");
  metrics.Finished("cpu:0", Finished(FinishReason::kLength), {label});
  metrics.Finished("cpu:0", Finished(FinishReason::kLength), {label});
  metrics.Finished("cpu:0", Finished(FinishReason::kCancelled), {label});
  const std::string text = Text(metrics);
  EXPECT_THAT(text, HasSubstr(R"(steer_requests_finished_total{pool="cpu:0",reason="length"} 2)"));
  EXPECT_THAT(text,
              HasSubstr(R"(steer_requests_finished_total{pool="cpu:0",reason="cancelled"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(steer_steered_tokens_total{pool="cpu:0",signal="calm",stage="prompt"} 21)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(steer_steered_tokens_total{pool="cpu:0",signal="calm",stage="generated"} 15)"));
  EXPECT_THAT(text, HasSubstr(R"(steer_request_duration_seconds_count{pool="cpu:0"} 3)"));
  EXPECT_THAT(text, HasSubstr("steer_build_info{version="));
}

TEST(MetricsTest, TheWaitOfARequestThatNeverRanIsNotCounted) {
  Metrics metrics({"cpu:0", "cpu:1"}, 10);
  FinishedEvent event = Finished(FinishReason::kCancelled);
  event.first_token_seconds = 0;
  metrics.Finished("cpu:0", event, {});
  EXPECT_THAT(Text(metrics), HasSubstr(R"(steer_queue_seconds_count{pool="cpu:0"} 0)"));
}

TEST(MetricsTest, ADeletedAliasTakesItsSeriesAlong) {
  Metrics metrics({"cpu:0", "cpu:1"}, 10);
  const std::string label = metrics.signal_labels().Use("calm");
  metrics.Finished("cpu:0", Finished(FinishReason::kStop), {label});
  metrics.odds().Set({.label = label, .signal_id = "a", .x = 1, .mean = {}, .sum = {}});
  ASSERT_THAT(Text(metrics), HasSubstr("calm"));
  metrics.ForgetAlias("calm");
  EXPECT_THAT(Text(metrics), Not(HasSubstr("calm")));
  // A generation that was still running under the name does not bring it back.
  metrics.Finished("cpu:0", Finished(FinishReason::kStop), {label});
  EXPECT_THAT(Text(metrics), Not(HasSubstr("calm")));
}

TEST(MetricsTest, EveryPoolHasSeriesOfItsOwn) {
  Metrics metrics({"cpu:0", "cpu:1"}, 10);
  const std::string label = metrics.signal_labels().Use("calm");
  metrics.FirstToken("cpu:1", 0.1);
  metrics.NextToken("cpu:0", 0.1);
  metrics.Finished("cpu:0", Finished(FinishReason::kLength), {label});
  metrics.Finished("cpu:1", Finished(FinishReason::kLength), {label});
  metrics.Finished("cpu:1", Finished(FinishReason::kLength), {label});
  const std::string text = Text(metrics);
  for (const char* line :
       {R"(steer_time_to_first_token_seconds_count{pool="cpu:0"} 0)",
        R"(steer_time_to_first_token_seconds_count{pool="cpu:1"} 1)",
        R"(steer_inter_token_latency_seconds_count{pool="cpu:0"} 1)",
        R"(steer_inter_token_latency_seconds_count{pool="cpu:1"} 0)",
        R"(steer_requests_finished_total{pool="cpu:0",reason="length"} 1)",
        R"(steer_requests_finished_total{pool="cpu:1",reason="length"} 2)",
        R"(steer_steered_tokens_total{pool="cpu:0",signal="calm",stage="prompt"} 7)",
        R"(steer_steered_tokens_total{pool="cpu:1",signal="calm",stage="prompt"} 14)"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  metrics.ForgetAlias("calm");
  EXPECT_THAT(Text(metrics), Not(HasSubstr("calm")));
}

TEST(MetricsTest, UnknownMethodsShareOneLabel) {
  const Metrics metrics({"cpu:0", "cpu:1"}, 10);
  EXPECT_EQ(metrics.MethodLabel("/steer.v1.GenerationService/Generate"),
            "steer.v1.GenerationService/Generate");
  EXPECT_EQ(metrics.MethodLabel("/steer.v1.GenerationService/Invented"), "other");
  EXPECT_EQ(metrics.MethodLabel("/grpc.health.v1.Health/Check"), "other");
  EXPECT_EQ(metrics.MethodLabel(""), "other");
}

TEST(MetricsTest, TimesCallsByMethodAndCode) {
  Metrics metrics({"cpu:0", "cpu:1"}, 10);
  metrics.CallStarted("other");
  metrics.CallEnded("other", 3, 0.01);
  const std::string text = Text(metrics);
  EXPECT_THAT(text, HasSubstr(R"(steer_rpcs_started_total{method="other"} 1)"));
  EXPECT_THAT(
      text,
      HasSubstr(R"(steer_rpc_duration_seconds_count{code="INVALID_ARGUMENT",method="other"} 1)"));
}

}  // namespace
}  // namespace steer
