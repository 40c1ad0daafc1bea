// Learning jobs in the store and from where they go on.

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/store/sqlite_store_fixture.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class SqliteJobsTest : public SqliteStoreTest {
 protected:
  size_t Checkpoints() const { return folder_.Names("checkpoints").size(); }
};

TEST_F(SqliteJobsTest, JobsSurviveAndTheirNumbersAreNeverGivenTwice) {
  const std::string definition("any\0bytes", 9);
  EXPECT_EQ(*store_->AddJob(definition, "queued"), 1);
  EXPECT_EQ(*store_->AddJob("b", "queued"), 2);
  ASSERT_TRUE(store_->UpdateJob(2, "done", /*finished=*/true).ok());
  Reopen();
  const KeptJob first{.number = 1, .definition = definition, .record = "queued"};
  const KeptJob second{.number = 2, .record = "done", .finished = true};
  EXPECT_THAT(*store_->ListJobs(), ElementsAre(first, second));
  EXPECT_EQ(*store_->AddJob("c", ""), 3);
  EXPECT_TRUE(absl::IsNotFound(store_->UpdateJob(4, "", false)));
}

TEST_F(SqliteJobsTest, OfFinishedJobsTheLastAreKept) {
  ASSERT_TRUE(store_->AddJob("unfinished", "").ok());
  for (int i = 0; i < kKeptFinishedJobs + 2; ++i) {
    const absl::StatusOr<int64_t> number = store_->AddJob("", "");
    ASSERT_TRUE(number.ok() && store_->UpdateJob(*number, "", /*finished=*/true).ok());
  }
  const std::vector<KeptJob> jobs = *store_->ListJobs();
  EXPECT_THAT(jobs, SizeIs(kKeptFinishedJobs + 1));
  EXPECT_EQ(jobs[0].definition, "unfinished");
  EXPECT_EQ(jobs[1].number, 4);
}

TEST_F(SqliteJobsTest, ACheckpointIsReplacedAndGoesWithItsJob) {
  const int64_t job = *store_->AddJob("", ""), other = *store_->AddJob("", "");
  EXPECT_EQ(*store_->LoadCheckpoint(job), std::nullopt);
  ASSERT_TRUE(store_->PutCheckpoint(job, "step 1").ok());
  ASSERT_TRUE(store_->PutCheckpoint(other, "step 1").ok());  // one file
  ASSERT_TRUE(store_->PutCheckpoint(job, "step 2").ok());
  Reopen();
  EXPECT_EQ(*store_->LoadCheckpoint(job), "step 2");
  EXPECT_EQ(*store_->LoadCheckpoint(other), "step 1");
  EXPECT_EQ(Checkpoints(), 2U);
  ASSERT_TRUE(store_->UpdateJob(job, "", /*finished=*/true).ok());
  EXPECT_EQ(*store_->LoadCheckpoint(job), std::nullopt);
  EXPECT_EQ(Checkpoints(), 1U);
  EXPECT_TRUE(absl::IsNotFound(store_->PutCheckpoint(7, "nobody's")));
  Reopen();
  EXPECT_EQ(Checkpoints(), 1U);  // and no leftovers
}

TEST_F(SqliteJobsTest, ADamagedCheckpointIsNone) {
  const int64_t job = *store_->AddJob("", "");
  ASSERT_TRUE(store_->PutCheckpoint(job, "step 1").ok());
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path() + "/checkpoints"))
    std::filesystem::resize_file(entry.path(), 3);
  EXPECT_EQ(*store_->LoadCheckpoint(job), std::nullopt);
}

TEST_F(SqliteJobsTest, ProvenanceIsSaidOnce) {
  const std::string id = Put(1);
  ASSERT_TRUE(store_->SetProvenance(id, "{\"job\":1}").ok());
  ASSERT_TRUE(store_->SetProvenance(id, "{\"job\":2}").ok());
  Reopen();
  EXPECT_EQ(store_->Get(id)->provenance, "{\"job\":1}");
  EXPECT_TRUE(absl::IsNotFound(store_->SetProvenance(kUnknownId, "")));
}

}  // namespace
}  // namespace steer
