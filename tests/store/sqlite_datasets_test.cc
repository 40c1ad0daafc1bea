// Data sets in the store.

#include <string>
#include <vector>

#include "core/base/sha256.h"
#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SqliteDatasetsTest : public SqliteStoreTest {
 protected:
  DatasetRecord MustPut(const std::string& content, const std::string& name = "") {
    absl::StatusOr<DatasetRecord> put = store_->PutDataset(content, 2, name, "what it is");
    EXPECT_TRUE(put.ok()) << put.status();
    return put.ok() ? *std::move(put) : DatasetRecord();
  }
};

TEST_F(SqliteDatasetsTest, ContentComesBackByIdAndByNameAfterReopening) {
  const DatasetRecord put = MustPut("rows\n", "animals");
  EXPECT_EQ(put.id, Sha256Hex("rows\n"));
  EXPECT_EQ(put.rows, 2);
  EXPECT_EQ(put.bytes, 5);
  EXPECT_GT(put.created_unix_ms, 0);
  Reopen();
  EXPECT_EQ(*store_->GetDataset("animals"), put);
  EXPECT_EQ(*store_->GetDataset(put.id), put);
  EXPECT_EQ(*store_->LoadDataset(put.id), "rows\n");
}

TEST_F(SqliteDatasetsTest, ANameMovesToWhatIsUploadedUnderIt) {
  const DatasetRecord old = MustPut("old", "animals");
  const DatasetRecord now = MustPut("new", "animals");
  EXPECT_EQ(store_->GetDataset("animals")->id, now.id);
  EXPECT_EQ(store_->GetDataset(old.id)->name, "");
  // Content that is there already keeps what was said of it, but takes the name.
  absl::StatusOr<DatasetRecord> again = store_->PutDataset("old", 2, "animals", "something else");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id, old.id);
  EXPECT_EQ(again->description, "what it is");
  EXPECT_EQ(again->created_unix_ms, old.created_unix_ms);
  EXPECT_EQ(store_->GetDataset("animals")->id, old.id);
  EXPECT_EQ(MustPut("old").name, "animals");  // no name: nothing moves
}

TEST_F(SqliteDatasetsTest, ListsPageByPageAndForgetsWhatIsDeleted) {
  const std::string a = MustPut("a").id, b = MustPut("b").id, c = MustPut("c").id;
  ASSERT_TRUE(store_->DeleteDataset(b).ok());
  const absl::StatusOr<Page<DatasetRecord>> first = store_->ListDatasets(1, "");
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<Page<DatasetRecord>> second =
      store_->ListDatasets(1, first->next_page_token);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->items.front().id, c);
  EXPECT_EQ(second->items.front().id, a);
  EXPECT_EQ(second->next_page_token, "");
  EXPECT_TRUE(absl::IsNotFound(store_->DeleteDataset(b)));
  EXPECT_TRUE(absl::IsNotFound(store_->LoadDataset(b).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->GetDataset("nobody").status()));
}

TEST_F(SqliteDatasetsTest, RefusesBadNamesAndTooMuch) {
  EXPECT_THAT(store_->PutDataset("x", 1, "a name", "").status().message(), HasSubstr("a name"));
  EXPECT_TRUE(absl::IsInvalidArgument(
      store_->PutDataset(std::string(kMaxDatasetBytes + 1, 'x'), 1, "", "").status()));
  EXPECT_TRUE(store_->ListDatasets(10, "")->items.empty());
}

TEST_F(SqliteDatasetsTest, ContentThatHasChangedIsNotHandedOut) {
  const std::string id = MustPut("rows").id;
  Execute("UPDATE datasets SET content = x'00'");
  const absl::Status status = store_->LoadDataset(id).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  MustPut("rows");  // repairs
  EXPECT_EQ(*store_->LoadDataset(id), "rows");
}

}  // namespace
}  // namespace steer
