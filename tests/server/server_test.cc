#include "server/server.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ServerTest, AGenerationStartsStreamsAndFinishesWithAReceipt) {
  const std::string id = RegisterVector(0.5f, "calm");
  v1::GenerateRequest request;
  v1::ChatMessage& message = *request.mutable_prompt()->mutable_chat()->add_messages();
  message.set_role("user");
  message.set_content("hello");
  request.mutable_sampling()->set_max_tokens(12);
  request.mutable_sampling()->set_log_probs(true);
  v1::Control& control = *request.add_controls();
  control.set_signal("calm");
  control.set_multiplier(2);
  const Answer answer = Generate(request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_GT(answer.started.request_id(), 0u);
  EXPECT_EQ(answer.started.sampling().max_tokens(), 12);
  EXPECT_EQ(answer.started.sampling().temperature(), 1);
  EXPECT_TRUE(answer.started.sampling().has_seed());
  EXPECT_EQ(static_cast<int>(answer.ids.size()), answer.finished.usage().generated_tokens());
  EXPECT_EQ(answer.finished.usage().prompt_tokens(), answer.started.prompt_tokens());
  EXPECT_EQ(answer.finished.receipt().seed(), answer.started.sampling().seed());
  EXPECT_EQ(answer.finished.receipt().model_fingerprint(), runtime_->model().fingerprint);
  ASSERT_EQ(answer.finished.receipt().controls_size(), 1);
  const v1::AppliedControl& applied = answer.finished.receipt().controls(0);
  EXPECT_EQ(applied.control().signal(), "calm");
  EXPECT_EQ(applied.control().signal_id(), id);
  EXPECT_EQ(applied.control().multiplier(), 2);
  EXPECT_THAT(applied.control().sites(), ElementsAre("layers.1.block_out"));
  // The last prompt position yields the first generated token.
  EXPECT_EQ(applied.steered_prompt_tokens(), answer.started.prompt_tokens() - 1);
  EXPECT_GE(applied.steered_generated_tokens(), 1);
}

TEST_F(ServerTest, EqualSeedsGiveEqualText) {
  const Answer first = Generate(Long());
  const Answer second = Generate(Long());
  ASSERT_TRUE(first.status.ok());
  EXPECT_EQ(first.ids, second.ids);
  EXPECT_EQ(first.text, second.text);
}

TEST_F(ServerTest, ARefusedGenerationHasNoMessageAndTellsTheField) {
  v1::GenerateRequest request = Long();
  request.add_controls()->set_signal("nobody");
  const Answer answer = Generate(request);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(answer.messages, 0);
  EXPECT_EQ(answer.detail.field(), "controls[0].signal");
  EXPECT_THAT(answer.status.error_message(), HasSubstr("nobody"));
}

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
  grpc::ChannelArguments small_window;
  small_window.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 32);
  small_window.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  Connect(small_window);
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
  grpc::ChannelArguments small_window;
  small_window.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 32);
  small_window.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  Connect(small_window);
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

TEST_F(ServerTest, AnUploadInChunksIsStoredAndNamed) {
  const std::string file = VectorFile(0.25f);
  v1::RegisterSignalHeader header = HeaderOf(file, "calm");
  (*header.mutable_labels())["team"] = "red";
  header.set_description("a test");
  std::vector<std::string> chunks;
  for (size_t i = 0; i < file.size(); i += 100) chunks.push_back(file.substr(i, 100));
  const Upload first = Register(header, chunks);
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();
  EXPECT_FALSE(first.response.existed());
  EXPECT_THAT(first.response.signal().aliases(), ElementsAre("calm"));
  EXPECT_EQ(first.response.signal().kind(), "vector");
  EXPECT_EQ(first.response.signal().labels().at("team"), "red");

  const Upload again = Register(HeaderOf(file, ""), {file});
  EXPECT_TRUE(again.response.existed());
  EXPECT_EQ(again.response.signal().id(), first.response.signal().id());
  EXPECT_EQ(again.response.signal().description(), "a test");

  grpc::ClientContext context;
  v1::GetSignalRequest get;
  get.set_signal("calm");
  v1::Signal signal;
  ASSERT_TRUE(signals_->GetSignal(&context, get, &signal).ok());
  EXPECT_EQ(signal.id(), first.response.signal().id());
}

TEST_F(ServerTest, AnUploadThatIsNotWhatItSaidIsRefused) {
  const std::string file = VectorFile(0.25f);
  struct Case {
    const char* what;
    v1::RegisterSignalHeader header;
    std::vector<std::string> chunks;
    grpc::StatusCode code;
    const char* field;
  };
  v1::RegisterSignalHeader wrong_hash = HeaderOf(file, "");
  wrong_hash.set_sha256(std::string(64, '0'));
  v1::RegisterSignalHeader too_small = HeaderOf(file, "");
  too_small.set_size(too_small.size() - 1);
  v1::RegisterSignalHeader too_large = HeaderOf(file, "");
  too_large.set_size(int64_t{1} << 30);
  const std::string junk(1000, 'x');
  const std::string big((size_t{1} << 20) + 1, 'x');
  const Case cases[] = {
      {"hash", wrong_hash, {file}, grpc::StatusCode::DATA_LOSS, "header.sha256"},
      {"more than said", too_small, {file}, grpc::StatusCode::DATA_LOSS, "header.size"},
      {"less than said", too_large, {file}, grpc::StatusCode::DATA_LOSS, "header.size"},
      {"chunk size", HeaderOf(big, ""), {big}, grpc::StatusCode::INVALID_ARGUMENT, "chunk"},
      {"empty message", HeaderOf(file, ""), {}, grpc::StatusCode::DATA_LOSS, "header.size"},
  };
  for (const Case& c : cases) {
    const Upload upload = Register(c.header, c.chunks);
    EXPECT_EQ(upload.status.error_code(), c.code) << c.what << upload.status.error_message();
    EXPECT_EQ(upload.detail.field(), c.field) << c.what;
  }
  EXPECT_EQ(Register(HeaderOf(junk, ""), {junk}).status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  grpc::ClientContext context;
  v1::RegisterSignalResponse response;
  const auto writer = signals_->RegisterSignal(&context, &response);
  v1::RegisterSignalRequest part;
  part.set_chunk("x");
  writer->Write(part);
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailIn(context).field(), "header");

  grpc::ClientContext list_context;
  v1::ListSignalsResponse list;
  ASSERT_TRUE(signals_->ListSignals(&list_context, {}, &list).ok());
  EXPECT_THAT(list.signals(), IsEmpty());
}

TEST_F(ServerTest, AnAliasMovesOnlyFromTheVersionExpected) {
  const std::string first = RegisterVector(1, "calm");
  const std::string second = RegisterVector(2, "");
  v1::SetAliasRequest request;
  request.set_name("calm");
  request.set_signal(second);
  request.set_expected_version(7);
  v1::Alias alias;
  {
    grpc::ClientContext context;
    EXPECT_EQ(signals_->SetAlias(&context, request, &alias).error_code(),
              grpc::StatusCode::ABORTED);
  }
  request.set_expected_version(1);
  grpc::ClientContext context;
  ASSERT_TRUE(signals_->SetAlias(&context, request, &alias).ok());
  EXPECT_EQ(alias.version(), 2);
  EXPECT_EQ(alias.signal_id(), second);

  grpc::ClientContext delete_context;
  v1::DeleteSignalRequest remove;
  v1::DeleteSignalResponse removed;
  remove.set_signal_id("calm");
  EXPECT_EQ(signals_->DeleteSignal(&delete_context, remove, &removed).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DetailIn(delete_context).field(), "signal_id");
}

TEST_F(ServerTest, AScoreStreamsAPointPerMultiplierThenASummary) {
  const std::string id = RegisterVector(0.5f, "calm");
  v1::ScoreRequest request;
  for (int i = 0; i < 3; ++i) {
    v1::PolarPair& pair = *request.add_pairs();
    pair.set_question("the question " + std::to_string(i));
    pair.set_positive("hello");
    pair.set_negative("an other one");
  }
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
  for (int i = 0; i < 50; ++i) {
    v1::PolarPair& pair = *request.add_pairs();
    pair.set_question("the question " + std::to_string(i));
    pair.set_positive("hello");
    pair.set_negative("an other one");
  }
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
  for (int i = 0; i < 4; ++i) {
    v1::PolarPair& pair = *request.add_pairs();
    pair.set_question("question " + std::to_string(i));
    pair.set_positive("hello");
    pair.set_negative("an other one");
  }
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

TEST_F(ServerTest, TextAndTokensAreEachOthersInverse) {
  v1::TokenizeRequest request;
  request.mutable_prompt()->set_text("hello the user \xE2\x82\xAC");
  grpc::ClientContext context;
  v1::TokenizeResponse tokens;
  ASSERT_TRUE(model_->Tokenize(&context, request, &tokens).ok());
  EXPECT_EQ(tokens.ids_size(), tokens.pieces_size());
  v1::DetokenizeRequest back;
  *back.mutable_ids() = tokens.ids();
  grpc::ClientContext back_context;
  v1::DetokenizeResponse text;
  ASSERT_TRUE(model_->Detokenize(&back_context, back, &text).ok());
  EXPECT_EQ(text.text(), request.prompt().text());
  grpc::ClientContext model_context;
  v1::Model model;
  ASSERT_TRUE(model_->GetModel(&model_context, {}, &model).ok());
  EXPECT_EQ(model.hidden(), kHidden);
  EXPECT_EQ(model.sites_size(), 8);
}

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

TEST_F(ServerTest, DrainingWaitsForJobsAndEndsWhoWatches) {
  v1::StartJobRequest request;
  for (int i = 0; i < 400; ++i) {
    v1::PolarPair& pair = *request.add_pairs();
    pair.set_question("question " + std::to_string(i));
    pair.set_positive("hello");
    pair.set_negative("an other one");
  }
  request.mutable_difference_of_means()->set_layer(1);
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
  // Whichever was quicker: the job or the news that the server drains.
  const grpc::StatusCode code = reader->Finish().error_code();
  EXPECT_TRUE(code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::OK) << code;
  EXPECT_EQ(runtime_->jobs().Get(job.id())->state, JobState::kSucceeded);
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
