#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "gtest/gtest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr size_t kLargestFile = 2048;

// Of a buffer of exactly that size, so that the address sanitizer sees the first byte too far.
void RunOnce(const std::vector<uint8_t>& bytes, size_t size) {
  const std::vector<uint8_t> copy(bytes.begin(), bytes.begin() + static_cast<int64_t>(size));
  EXPECT_EQ(LLVMFuzzerTestOneInput(copy.data(), copy.size()), 0);
}

// A defect ends the program: STEER_CHECK, abort, a crash, or a sanitizer.
TEST(CorpusTest, EveryFileAndItsBeginnings) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(STEER_CORPUS)) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    ASSERT_FALSE(bytes.empty());
    ASSERT_LE(bytes.size(), kLargestFile) << "what is larger belongs elsewhere";
    for (size_t size = 0; size <= bytes.size(); ++size) RunOnce(bytes, size);
    ++files;
  }
  EXPECT_GE(files, 10);
}

// Each byte in turn (or every STEER_STRIDE-th, where one run takes long), once with all its bits
// turned and once with its lowest.
TEST(CorpusTest, EveryFileWithOneByteChanged) {
  for (const auto& entry : std::filesystem::directory_iterator(STEER_CORPUS)) {
    SCOPED_TRACE(entry.path().string());
    std::ifstream file(entry.path(), std::ios::binary);
    std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    for (size_t at = 0; at < bytes.size(); at += STEER_STRIDE) {
      for (const uint8_t bits : {0xFF, 0x01}) {
        bytes[at] ^= bits;
        RunOnce(bytes, bytes.size());
        bytes[at] ^= bits;
      }
    }
  }
}

}  // namespace
