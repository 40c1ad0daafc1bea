// Signals that are watched while they are in use.

#include <chrono>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/probe_collector.h"
#include "steer/v1/probe.grpc.pb.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

class ProbeTest : public ServerTest {
 protected:
  void Prepare() override {
    options_.runtime.probe_interval_seconds = 0.05;
    options_.runtime.probe_share = 1;
  }

  void SetUp() override {
    ServerTest::SetUp();
    probes_ = v1::ProbeService::NewStub(
        grpc::CreateChannel(options_.listen, grpc::InsecureChannelCredentials()));
  }

  v1::SetProbeRequest ProbeOf(const std::string& signal) {
    v1::SetProbeRequest request;
    request.set_signal(signal);
    AddPairs(3, request);
    return request;
  }

  grpc::Status Set(const v1::SetProbeRequest& request, v1::ErrorDetail* detail = nullptr) {
    grpc::ClientContext context;
    v1::Probe probe;
    const grpc::Status status = probes_->SetProbe(&context, request, &probe);
    if (detail != nullptr) *detail = DetailIn(context);
    return status;
  }

  v1::Probe Only() {
    grpc::ClientContext context;
    v1::ListProbesResponse response;
    EXPECT_TRUE(probes_->ListProbes(&context, {}, &response).ok());
    EXPECT_EQ(response.probes_size(), 1);
    return response.probes_size() == 0 ? v1::Probe() : response.probes(0);
  }

  // Waits for so many runs and failures.
  v1::Probe AwaitRuns(int64_t count) {
    for (int i = 0; i < 600; ++i) {
      const v1::Probe probe = Only();
      if (probe.runs() + probe.failures() >= count) return probe;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "no probe";
    return {};
  }

  void Use(const std::string& signal, double multiplier) {
    v1::GenerateRequest request = Long();
    request.mutable_sampling()->set_max_tokens(2);
    v1::Control& control = *request.add_controls();
    control.set_signal(signal);
    control.set_multiplier(multiplier);
    EXPECT_TRUE(Generate(request).status.ok());
  }

  v1::ListProbeRunsResponse Runs(const std::string& signal) {
    grpc::ClientContext context;
    v1::ListProbeRunsRequest request;
    request.set_signal(signal);
    v1::ListProbeRunsResponse response;
    EXPECT_TRUE(probes_->ListProbeRuns(&context, request, &response).ok());
    return response;
  }

  // What Score says of the same.
  v1::OddsAggregate Scored(const std::string& signal, double multiplier) {
    v1::ScoreRequest request;
    AddPairs(3, request);
    request.add_controls()->set_signal(signal);
    request.mutable_controls(0)->set_multiplier(multiplier);
    grpc::ClientContext context;
    const auto reader = analysis_->Score(&context, request);
    v1::ScoreResponse response;
    v1::OddsAggregate mean;
    while (reader->Read(&response)) {
      if (response.has_point()) mean = response.point().mean();
    }
    EXPECT_TRUE(reader->Finish().ok());
    return mean;
  }

  std::unique_ptr<v1::ProbeService::Stub> probes_;
};

TEST_F(ProbeTest, WhatIsUsedIsMeasuredAgainstThePlainModel) {
  const std::string id = RegisterVector(0.5f, "calm");
  RegisterVector(0.25f, "unwatched");
  ASSERT_TRUE(Set(ProbeOf("calm")).ok());
  EXPECT_FALSE(Only().has_last());
  Use("calm", 2);
  Use("unwatched", 2);
  const v1::Probe probe = AwaitRuns(1);
  ASSERT_TRUE(probe.has_last()) << probe.error();
  const v1::ProbeRun& run = probe.last();
  EXPECT_EQ(run.signal_id(), id);
  EXPECT_EQ(run.pairs(), 3);
  ASSERT_EQ(run.points_size(), 1);
  EXPECT_EQ(run.points(0).multiplier(), 2);
  EXPECT_EQ(run.points(0).uses(), 1);
  const v1::OddsAggregate steered = Scored("calm", 2), plain = Scored("calm", 0);
  EXPECT_NEAR(run.points(0).preference(), steered.preference(), 1e-4);
  EXPECT_NEAR(run.points(0).utility(), steered.utility(), 1e-4);
  EXPECT_NEAR(run.plain_preference(), plain.preference(), 1e-4);
  EXPECT_NEAR(run.preference_gain(), steered.preference() - plain.preference(), 1e-4);
  EXPECT_NEAR(run.utility_loss(), plain.utility() - steered.utility(), 1e-4);
  EXPECT_EQ(probe.preference_drift(), 0);
  // Without more use there is nothing more to measure.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_EQ(Only().runs(), 1);
}

TEST_F(ProbeTest, DriftFollowsAnAliasThatMoves) {
  const std::string first = RegisterVector(0.5f, "calm");
  ASSERT_TRUE(Set(ProbeOf("calm")).ok());
  Use("calm", 1);
  const v1::Probe before = AwaitRuns(1);
  const std::string second = RegisterVector(-0.5f, "calm");
  Use("calm", 1);
  const v1::Probe after = AwaitRuns(2);
  EXPECT_EQ(after.first().signal_id(), first);
  EXPECT_EQ(after.last().signal_id(), second);
  EXPECT_NEAR(after.preference_drift(),
              after.last().preference_gain() - before.last().preference_gain(), 1e-9);
  EXPECT_NE(after.preference_drift(), 0);
  ASSERT_EQ(Runs("calm").runs_size(), 2);
  EXPECT_EQ(Runs("calm").runs(0).signal_id(), second);
}

TEST_F(ProbeTest, ItIsKeptAcrossARestartAndForgottenWhenDeleted) {
  RegisterVector(0.5f, "calm");
  ASSERT_TRUE(Set(ProbeOf("calm")).ok());
  Use("calm", 1);
  const v1::Probe before = AwaitRuns(1);
  server_.reset();
  runtime_.reset();
  auto runtime = Runtime::Create(options_.runtime);
  ASSERT_TRUE(runtime.ok()) << runtime.status();
  runtime_ = *std::move(runtime);
  server_ = *Server::Start(options_, runtime_.get());
  const v1::Probe after = Only();
  EXPECT_EQ(after.last().SerializeAsString(), before.last().SerializeAsString());
  EXPECT_EQ(after.created_unix_ms(), before.created_unix_ms());
  EXPECT_EQ(after.pairs(), 3);
  grpc::ClientContext context;
  v1::DeleteProbeRequest request;
  request.set_signal("calm");
  v1::DeleteProbeResponse response;
  EXPECT_TRUE(probes_->DeleteProbe(&context, request, &response).ok());
  grpc::ClientContext again;
  EXPECT_EQ(probes_->DeleteProbe(&again, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ProbeTest, WhatCannotBeProbedIsRefused) {
  v1::ErrorDetail detail;
  EXPECT_EQ(Set(ProbeOf("nobody"), &detail).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(detail.field(), "signal");
  EXPECT_FALSE(Set(ProbeOf(""), &detail).ok());
  EXPECT_EQ(detail.field(), "signal");
  RegisterVector(0.5f, "calm");
  v1::SetProbeRequest none = ProbeOf("calm");
  none.clear_pairs();
  EXPECT_FALSE(Set(none, &detail).ok());
  EXPECT_EQ(detail.field(), "pairs");
}

TEST_F(ProbeTest, ThereIsALimitToTheSets) {
  for (int i = 0; i < kMostProbeSets; ++i) {
    const std::string name = "signal" + std::to_string(i);
    RegisterVector(0.5f, name);
    ASSERT_TRUE(Set(ProbeOf(name)).ok()) << name;
  }
  RegisterVector(0.5f, "more");
  v1::ErrorDetail detail;
  EXPECT_EQ(Set(ProbeOf("more"), &detail).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(detail.reason(), "TOO_MANY_PROBES");
  // One that is there can be given anew.
  EXPECT_TRUE(Set(ProbeOf("signal0")).ok());
}

TEST_F(ProbeTest, AnAliasThatIsGoneIsAFailureThatIsTold) {
  RegisterVector(0.5f, "calm");
  ASSERT_TRUE(Set(ProbeOf("calm")).ok());
  grpc::ClientContext context;
  v1::DeleteAliasRequest request;
  request.set_name("calm");
  v1::DeleteAliasResponse response;
  ASSERT_TRUE(signals_->DeleteAlias(&context, request, &response).ok());
  const v1::Probe probe = AwaitRuns(1);
  EXPECT_GE(probe.failures(), 1);
  EXPECT_THAT(probe.error(), HasSubstr("calm"));
}

TEST_F(ProbeTest, MetricsTellThePresentState) {
  RegisterVector(0.5f, "calm");
  ASSERT_TRUE(Set(ProbeOf("calm")).ok());
  Use("calm", 2);
  const v1::Probe probe = AwaitRuns(1);
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family :
       ToFamilies(runtime_->probes(), runtime_->probe_seconds())) {
    ASSERT_EQ(family.metric.size(), 1U) << family.name;
    const prometheus::ClientMetric& metric = family.metric.front();
    if (family.name != "steer_probe_seconds_total") {
      ASSERT_EQ(metric.label.front().value, "calm");
    }
    values[family.name] =
        family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  EXPECT_EQ(values.at("steer_probe_preference_gain_nats"), probe.last().preference_gain());
  EXPECT_EQ(values.at("steer_probe_utility_loss_nats"), probe.last().utility_loss());
  EXPECT_EQ(values.at("steer_probe_multiplier"), 2);
  EXPECT_EQ(values.at("steer_probe_preference_drift_nats"), 0);
  EXPECT_EQ(values.at("steer_probe_runs_total"), 1);
  EXPECT_GT(values.at("steer_probe_seconds_total"), 0);
}

}  // namespace
}  // namespace steer
