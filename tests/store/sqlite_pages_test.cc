#include <string>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

TEST_F(SqliteStoreTest, PagesAreNewestFirstAndStableWhileSignalsComeAndGo) {
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) ids.push_back(Put(i));
  std::vector<std::string> seen;
  std::string token;
  int pages = 0;
  do {
    const absl::StatusOr<Page<SignalRecord>> page = store_->List(3, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const SignalRecord& record : page->items) seen.push_back(record.id);
    token = page->next_page_token;
    if (pages == 0) {
      Put(100);                                         // newer than the first page
      ASSERT_TRUE(store_->Delete(ids[4], false).ok());  // the last item of the first page
      ASSERT_TRUE(store_->Delete(ids[2], false).ok());  // not seen yet
    }
    ++pages;
  } while (!token.empty());
  EXPECT_THAT(seen, ElementsAre(ids[6], ids[5], ids[4], ids[3], ids[1], ids[0]));
  EXPECT_EQ(pages, 2);  // the last page is full, and still known to be the last
}

TEST_F(SqliteStoreTest, AliasPagesAreByName) {
  const std::string id = Put(1);
  for (const char* name : {"b", "c", "a", "B", "a/b"}) {
    ASSERT_TRUE(store_->SetAlias(name, id, std::nullopt).ok());
  }
  const absl::StatusOr<Page<AliasRecord>> first = store_->ListAliases(2, "");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_EQ(first->items.size(), 2U);
  EXPECT_EQ(first->items[0].name, "B");
  EXPECT_EQ(first->items[1].name, "a");
  EXPECT_EQ(first->items[1].signal_id, id);
  EXPECT_EQ(first->items[1].version, 1);
  ASSERT_TRUE(store_->SetAlias("A", id, std::nullopt).ok());
  const absl::StatusOr<Page<AliasRecord>> second = store_->ListAliases(3, first->next_page_token);
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_EQ(second->items.size(), 3U);
  EXPECT_EQ(second->items[0].name, "a/b");
  EXPECT_EQ(second->items[2].name, "c");
  EXPECT_EQ(second->next_page_token, "");
}

TEST_F(SqliteStoreTest, OnlyItsOwnPageTokensAreTaken) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store_->SetAlias("alias" + std::to_string(i), Put(i), std::nullopt).ok());
  }
  const std::string token = store_->List(1, "")->next_page_token;
  ASSERT_TRUE(store_->List(1, token).ok());
  const std::string alias_token = store_->ListAliases(1, "")->next_page_token;
  std::vector<std::string> bad = {"1",
                                  "x",
                                  token + "0",
                                  token.substr(1),
                                  alias_token,
                                  std::string(32, '0'),
                                  std::string(33, '0'),
                                  std::string(32, '0') + ".1",
                                  std::string(100000, 'x')};
  for (size_t at = 0; at < token.size(); ++at) {
    bad.push_back(token);
    bad.back()[at] = static_cast<char>(bad.back()[at] ^ 1);
  }
  for (const std::string& text : bad) {
    const absl::Status status = store_->List(1, text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(DetailOf(status)->field, "page_token");
  }
  EXPECT_FALSE(store_->ListAliases(1, token).ok());
  // Another store's token is well made, but not ours.
  const TemporaryFolder other_folder;
  const absl::StatusOr<std::unique_ptr<SignalStore>> other = OpenSqliteStore(other_folder.path());
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_FALSE((*other)->List(1, token).ok());
  Reopen();
  EXPECT_TRUE(store_->List(1, token).ok());
}

TEST_F(SqliteStoreTest, PageSizesHaveBounds) {
  for (const int size : {-1, 0, 1001}) {
    EXPECT_EQ(DetailOf(store_->List(size, "").status())->field, "page_size");
    EXPECT_EQ(DetailOf(store_->ListAliases(size, "").status())->field, "page_size");
  }
  EXPECT_TRUE(store_->List(1000, "").ok());
  EXPECT_TRUE(store_->ListAliases(1, "").ok());
}

}  // namespace
}  // namespace steer
