// Uploads and aliases.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

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

TEST_F(ServerTest, ASignalWithAliasesIsNotDeletedAndTheFieldIsNamed) {
  v1::DeleteSignalRequest request;
  request.set_signal_id(RegisterVector(0.5f, "calm"));
  grpc::ClientContext context;
  v1::DeleteSignalResponse response;
  EXPECT_EQ(signals_->DeleteSignal(&context, request, &response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(DetailIn(context).field(), "signal_id");
}

}  // namespace
}  // namespace steer
