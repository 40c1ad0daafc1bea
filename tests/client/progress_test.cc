#include "client/steerctl/progress.h"

#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(ProgressBarTest, FillsUp) {
  EXPECT_EQ(ProgressBar(0, 40, 10), "[..........] 0/40");
  EXPECT_EQ(ProgressBar(20, 40, 10), "[#####.....] 20/40");
  EXPECT_EQ(ProgressBar(40, 40, 10), "[##########] 40/40");
  EXPECT_EQ(ProgressBar(0, 0, 4), "[....] 0/0");
  EXPECT_EQ(ProgressBar(9, 3, 4), "[####] 9/3");
}

TEST(ProgressTest, ALineEachTenthWhereThereIsNoTerminal) {
  testing::internal::CaptureStderr();
  Progress progress;
  EXPECT_TRUE(progress.Show("queued", 0, 0));
  for (int done = 0; done <= 100; done += 5) EXPECT_TRUE(progress.Show("running", done, 100));
  progress.Clear();
  progress.End();
  std::string expected = "queued 0/0\nrunning 0/100\n";
  for (int done = 10; done <= 100; done += 10) {
    expected += "running " + std::to_string(done) + "/100\n";
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), expected);
}

}  // namespace
}  // namespace steer
