#include "core/files/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

class MappedFileTest : public ::testing::Test {
 protected:
  MappedFileTest() {
    std::string pattern = ::testing::TempDir() + "steer_mapped_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~MappedFileTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ / name; }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }

  std::filesystem::path folder_;
};

TEST_F(MappedFileTest, ShowsTheBytesEvenAfterTheNameIsGone) {
  Write("file", std::string("a\0b", 3));
  const auto file = MappedFile::Open(Path("file"));
  ASSERT_TRUE(file.ok()) << file.status();
  std::filesystem::remove(Path("file"));
  const std::span<const std::byte> bytes = (*file)->bytes();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
            std::string("a\0b", 3));
  EXPECT_EQ((*file)->path(), Path("file"));
}

TEST_F(MappedFileTest, SaysWhatIsWrong) {
  const auto absent = MappedFile::Open(Path("absent"));
  EXPECT_EQ(absent.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(absent.status().message()), HasSubstr("absent"));

  Write("file", "x");
  EXPECT_EQ(MappedFile::Open(Path("file/below")).status().code(), absl::StatusCode::kNotFound);

  const auto folder = MappedFile::Open(folder_);
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("not a regular file"));

  Write("empty", "");
  const auto empty = MappedFile::Open(Path("empty"));
  EXPECT_EQ(empty.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(empty.status().message()), HasSubstr("empty"));
}

TEST_F(MappedFileTest, APipeIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::Open(Path("pipe")).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace steer
