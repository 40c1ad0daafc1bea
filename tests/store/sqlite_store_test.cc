#include "core/store/sqlite_store.h"

#include <atomic>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(SqliteStoreTest, KeepsEverythingAcrossAReopening) {
  SignalData signal = LoraSignal();
  signal.default_positions.user_text_only = true;
  const std::map<std::string, std::string> labels = {{"topic", "süß 甜"}, {"empty", ""}};
  const absl::StatusOr<SignalStore::PutResult> put = store_->Put(signal, labels, "a\n\"b\"");
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_FALSE(put->existed);
  ASSERT_TRUE(store_->SetAlias("sweet/v1", put->record.id, std::nullopt).ok());
  ASSERT_TRUE(store_->SetAlias("a-name", put->record.id, std::nullopt).ok());
  Reopen();
  const absl::StatusOr<SignalRecord> record = store_->Get("sweet/v1");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->id, SignalId(signal));
  EXPECT_EQ(record->kind, SignalKind::kLora);
  EXPECT_THAT(record->sites, ElementsAre("layers.1.down_proj", "layers.1.block_out"));
  EXPECT_EQ(record->marks.shape, "shape-mark");
  EXPECT_EQ(record->marks.weights, "weights-mark");
  EXPECT_EQ(record->default_multiplier, -2.5);
  EXPECT_EQ(record->default_positions, signal.default_positions);
  EXPECT_EQ(record->payload_bytes,
            static_cast<int64_t>(std::filesystem::file_size(PayloadPath(record->id))));
  EXPECT_EQ(record->created_unix_ms, put->record.created_unix_ms);
  EXPECT_EQ(record->labels, labels);
  EXPECT_EQ(record->description, "a\n\"b\"");
  EXPECT_THAT(record->aliases, ElementsAre("a-name", "sweet/v1"));
  const absl::StatusOr<SignalData> loaded = store_->Load(record->id);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(SignalId(*loaded), record->id);
}

TEST_F(SqliteStoreTest, PuttingAgainKeepsWhatWasThere) {
  ASSERT_TRUE(store_->Put(VectorSignal(1), {{"a", "1"}}, "first").ok());
  const absl::StatusOr<SignalStore::PutResult> again =
      store_->Put(VectorSignal(1), {{"b", "2"}}, "second");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->existed);
  EXPECT_EQ(again->record.description, "first");
  EXPECT_EQ(again->record.labels, (std::map<std::string, std::string>{{"a", "1"}}));
  EXPECT_EQ(folder_.Names("payloads").size(), 1U);
}

TEST_F(SqliteStoreTest, UnknownNamesAreNotFound) {
  Put(1);
  for (const std::string& name :
       {std::string("nobody"), kUnknownId, std::string(), std::string("../payloads")}) {
    EXPECT_EQ(store_->Get(name).status().code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->Load(name).status().code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->Delete(name, true).code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->DeleteAlias(name).code(), absl::StatusCode::kNotFound) << name;
    EXPECT_EQ(store_->SetAlias("name", name, std::nullopt).status().code(),
              absl::StatusCode::kNotFound)
        << name;
  }
  // Load and Delete take ids only: an alias may have moved since the caller looked.
  const std::string id = Put(2);
  ASSERT_TRUE(store_->SetAlias("alias", id, std::nullopt).ok());
  EXPECT_EQ(store_->Load("alias").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Delete("alias", true).code(), absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, AnnotationsHaveLimits) {
  std::map<std::string, std::string> full;
  for (size_t i = 0; i < kMaxLabels; ++i) full["key" + std::to_string(i)] = std::string(256, 'v');
  full.erase("key0");
  full[std::string(kMaxLabelKeyBytes, 'k')] = "";
  const std::string description(kMaxDescriptionBytes, 'd');
  const absl::StatusOr<SignalStore::PutResult> put =
      store_->Put(VectorSignal(1), full, description);
  ASSERT_TRUE(put.ok()) << put.status();

  std::map<std::string, std::string> too_many = full;
  too_many["one more"] = "";
  struct Case {
    std::map<std::string, std::string> labels;
    std::string description;
    const char* field;
  };
  const Case cases[] = {
      {too_many, "", "labels"},
      {{{"", "v"}}, "", "key of labels['']"},
      {{{std::string(65, 'k'), "v"}}, "", "key of labels"},
      {{{"k\xff", "v"}}, "", "key of labels['k\\xff']"},
      {{{"k", std::string(257, 'v')}}, "", "labels['k']"},
      {{{"k", "\xc3"}}, "", "labels['k']"},
      {{}, std::string(4097, 'd'), "description"},
      {{}, "\xed\xa0\x80", "description"},
  };
  for (const Case& bad : cases) {
    const absl::Status status = store_->Put(VectorSignal(2), bad.labels, bad.description).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.field;
    ASSERT_TRUE(DetailOf(status).has_value());
    EXPECT_THAT(DetailOf(status)->field, HasSubstr(bad.field));
  }
  EXPECT_EQ(store_->Get(SignalId(VectorSignal(2))).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(SqliteStoreTest, DeletingNeedsConsentWhileAliasesPointThere) {
  const std::string id = Put(1);
  ASSERT_TRUE(store_->SetAlias("a", id, std::nullopt).ok());
  const absl::Status refused = store_->Delete(id, false);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("aliases a"));
  EXPECT_TRUE(store_->Load(id).ok());
  ASSERT_TRUE(store_->Delete(id, true).ok());
  EXPECT_EQ(store_->Get(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->Get("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(folder_.Names("payloads"), IsEmpty());
  const std::string other = Put(2);
  EXPECT_TRUE(store_->Delete(other, false).ok());
  EXPECT_THAT(store_->List(10, "")->items, IsEmpty());
}

TEST_F(SqliteStoreTest, RacingPutsAndDeletesLeaveNoRowWithoutItsPayload) {
  const SignalData signal = VectorSignal(1);
  const std::string id = SignalId(signal);
  std::vector<std::thread> threads;
  std::atomic<int> unexpected = 0;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const absl::Status status =
            t % 2 == 0 ? store_->Put(signal, {}, "").status() : store_->Delete(id, false);
        if (!status.ok() && !absl::IsNotFound(status)) ++unexpected;
        const absl::Status loaded = store_->Load(id).status();
        if (!loaded.ok() && !absl::IsNotFound(loaded)) ++unexpected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(unexpected, 0);
  EXPECT_EQ(folder_.Names("payloads").size(), store_->Get(id).ok() ? 1U : 0U);
}

}  // namespace
}  // namespace steer
