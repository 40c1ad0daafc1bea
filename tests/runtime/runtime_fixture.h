#pragma once

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/runtime/runtime.h"
#include "core/store/formats/native.h"
#include "gtest/gtest.h"
#include "tests/support/recording_sink.h"

namespace steer {

// A runtime over the tiny model in f32, with a folder of its own.
class RuntimeFixture : public testing::Test {
 protected:
  void SetUp() override {
    const char* model = std::getenv("STEER_TINY_MODEL");
    ASSERT_NE(model, nullptr) << "STEER_TINY_MODEL must name the tiny model; CTest sets it";
    char directory[] = "/tmp/steer_runtime_test_XXXXXX";
    ASSERT_NE(mkdtemp(directory), nullptr);
    directory_ = directory;
    options_.model_path = model;
    options_.state_directory = directory_;
    options_.dtype = "f32";
    options_.threads = 1;
    options_.kv_cache_mib = 4;
    Start();
  }
  void TearDown() override {
    runtime_.reset();
    std::filesystem::remove_all(directory_);
  }
  void Start() {
    auto runtime = Runtime::Create(options_);
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
  }

  SignalData Vector(float scale, int layer = 1) const {
    std::vector<float> v(runtime_->model().shape.hidden);
    for (size_t i = 0; i < v.size(); ++i) v[i] = scale * std::sin(static_cast<float>(i) + 1);
    SignalData data;
    data.updates.push_back({{layer, SiteKind::kBlockOut}, Read::kSiteInput, {}});
    data.updates[0].tensors["v"] = HostTensor::FromFloats({static_cast<int64_t>(v.size())}, v);
    data.marks = runtime_->model().marks;
    return data;
  }
  absl::StatusOr<SignalStore::PutResult> Register(const SignalData& data) {
    const std::string file = WriteNative(data);
    return runtime_->RegisterSignal(std::as_bytes(std::span<const char>(file)), {}, "");
  }
  std::string MustRegister(const SignalData& data) {
    const auto put = Register(data);
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? put->record.id : "";
  }

  // Some hundred positions with nothing in them that repeats by blocks.
  static std::string LongText(int words) {
    std::string text;
    for (int i = 0; i < words; ++i)
      text += "the user " + std::to_string(i * 7919 % 1000) + " hello ";
    return text;
  }

  static GenerateSpec Greedy(const std::string& text, int max_tokens = 12) {
    GenerateSpec spec;
    spec.prompt.text = text;
    spec.sampling.temperature = 0;
    spec.sampling.max_tokens = max_tokens;
    return spec;
  }
  static GenerateSpec Sampled(const std::string& text, uint64_t seed, int max_tokens = 12) {
    GenerateSpec spec = Greedy(text, max_tokens);
    spec.sampling.temperature = 1.2;
    spec.sampling.seed = seed;
    return spec;
  }
  struct Answer {
    Admitted admitted;
    std::vector<TokenId> tokens;
    FinishedEvent finished;
  };
  std::vector<Answer> GenerateAll(const GenerateSpec& spec) {
    std::vector<std::shared_ptr<EventSink>> sinks;
    std::vector<std::shared_ptr<RecordingSink>> recorded;
    for (int i = 0; i < spec.n; ++i) {
      recorded.push_back(std::make_shared<RecordingSink>());
      sinks.push_back(recorded.back());
    }
    const auto admitted = runtime_->Generate(spec, sinks);
    EXPECT_TRUE(admitted.ok()) << admitted.status();
    std::vector<Answer> answers(spec.n);
    for (int i = 0; admitted.ok() && i < spec.n; ++i) {
      answers[i].admitted = *admitted;
      answers[i].finished = recorded[i]->Wait();
      for (const TokenEvent& token : recorded[i]->tokens()) {
        answers[i].tokens.push_back(token.token);
      }
    }
    return answers;
  }
  Answer Generate(const GenerateSpec& spec) { return GenerateAll(spec).front(); }
  ErrorDetail Refused(const GenerateSpec& spec, absl::StatusCode code) {
    const auto sink = std::make_shared<RecordingSink>();
    const auto admitted =
        runtime_->Generate(spec, std::vector<std::shared_ptr<EventSink>>(spec.n, sink));
    EXPECT_EQ(admitted.status().code(), code) << admitted.status();
    EXPECT_EQ(sink->finished_count(), 0);
    return DetailOf(admitted.status()).value_or(ErrorDetail{});
  }

  std::string directory_;
  RuntimeOptions options_;
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace steer
