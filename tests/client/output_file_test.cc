#include "client/steerctl/output_file.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "client/steerctl/command_line.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

class ReplaceFileTest : public testing::Test {
 protected:
  ReplaceFileTest() : folder_(testing::TempDir() + "/replace_file_test") {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
  }
  ~ReplaceFileTest() override { std::filesystem::remove_all(folder_); }

  static std::string TextOf(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  int Files() const {
    return static_cast<int>(std::distance(std::filesystem::directory_iterator(folder_), {}));
  }

  const std::string folder_;
};

TEST_F(ReplaceFileTest, WritesAndReplacesAndLeavesNothingBeside) {
  const std::string path = folder_ + "/a.svg";
  ASSERT_TRUE(ReplaceFile(path, "old and longer").ok());
  EXPECT_EQ(TextOf(path), "old and longer");
  ASSERT_TRUE(ReplaceFile(path, "new").ok());
  EXPECT_EQ(TextOf(path), "new");
  EXPECT_EQ(Files(), 1);
  std::ofstream(folder_ + "/plain") << "x";
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::status(folder_ + "/plain").permissions());
}

TEST_F(ReplaceFileTest, NamesWhatCannotBeWritten) {
  const absl::Status missing = ReplaceFile(folder_ + "/none/a.svg", "x");
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_TRUE(IsUsageError(missing));
  EXPECT_THAT(std::string(missing.message()), HasSubstr(folder_ + "/none/a.svg"));
}

TEST_F(ReplaceFileTest, LeavesFoldersAndDevicesAlone) {
  for (const std::string& path : {folder_, std::string("/dev/null")}) {
    const absl::Status status = ReplaceFile(path, "x");
    EXPECT_TRUE(IsUsageError(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path + ": not a regular file"));
  }
  EXPECT_EQ(Files(), 0);
}

}  // namespace
}  // namespace steer
