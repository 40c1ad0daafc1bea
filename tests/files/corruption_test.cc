// Every truncation and every single-byte change of a small valid file: the answer may be a file or
// an error, but no byte outside may be read, and what a file shows must lie inside.

#include <fstream>
#include <iterator>
#include <string>

#include "core/files/gguf.h"
#include "core/files/gguf_parser.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/files/guarded_bytes.h"

namespace steer {
namespace {

std::string ContentOf(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool Inside(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

int Sum(std::span<const std::byte> bytes) {
  int sum = 0;
  for (const std::byte byte : bytes) sum += static_cast<int>(byte);
  return sum;
}

// What was read if the bytes made a file.
struct Outcome {
  bool ok = false;
  size_t tensors = 0;
  int sum = 0;  // of all tensor bytes: reads each of them
};

Outcome ReadGguf(std::span<const std::byte> bytes) {
  EXPECT_EQ(ParseGguf(bytes).ok(), GgufFile::Parse(bytes).ok());
  const auto contents = ParseGguf(bytes);
  if (!contents.ok()) {
    EXPECT_FALSE(contents.status().message().empty());
    return {};
  }
  Outcome outcome{true};
  for (const auto& [name, tensor] : contents->tensors) {
    ++outcome.tensors;
    EXPECT_TRUE(Inside(tensor.bytes, bytes));
    EXPECT_EQ(StoredBytes(tensor.encoding, tensor.shape), tensor.bytes.size());
    outcome.sum += Sum(tensor.bytes);
  }
  return outcome;
}

Outcome ReadSafetensors(std::span<const std::byte> bytes) {
  const auto file = SafetensorsFile::Parse(bytes);
  if (!file.ok()) {
    EXPECT_FALSE(file.status().message().empty());
    return {};
  }
  Outcome outcome{true};
  for (const auto& [name, tensor] : (*file)->tensors()) {
    ++outcome.tensors;
    EXPECT_TRUE(Inside(tensor.bytes, bytes));
    outcome.sum += Sum(tensor.bytes);
  }
  return outcome;
}

struct Format {
  const char* name;
  const char* path;
  size_t tensors;
  // Bytes after the last tensor that only pad.
  size_t padding;
  Outcome (*read)(std::span<const std::byte>);
};

class CorruptionTest : public ::testing::TestWithParam<Format> {
 protected:
  void SetUp() override {
    content_ = ContentOf(GetParam().path);
    const Outcome whole = GetParam().read(Bytes());
    ASSERT_TRUE(whole.ok);
    ASSERT_EQ(whole.tensors, GetParam().tensors);
  }
  std::span<const std::byte> Bytes() const { return std::as_bytes(std::span(content_)); }
  std::string content_;
};

TEST_P(CorruptionTest, EveryTruncation) {
  for (size_t size = 0; size < content_.size(); ++size) {
    GuardedBytes cut(Bytes().first(size));
    const bool whole = size + GetParam().padding >= content_.size();
    EXPECT_EQ(GetParam().read(cut.bytes()).ok, whole) << "cut to " << size << " bytes";
  }
}

TEST_P(CorruptionTest, EveryByte) {
  GuardedBytes changed(Bytes());
  size_t accepted = 0;
  size_t refused = 0;
  for (std::byte& byte : changed.bytes()) {
    const std::byte original = byte;
    for (const int value :
         {0x00, 0x01, 0x22, 0x7f, 0x80, 0xfe, 0xff, static_cast<int>(original ^ std::byte{0x01}),
          static_cast<int>(original ^ std::byte{0x20}),
          static_cast<int>(original ^ std::byte{0x80})}) {
      byte = static_cast<std::byte>(value);
      ++(GetParam().read(changed.bytes()).ok ? accepted : refused);
    }
    byte = original;
  }
  // Changes of tensor bytes are no errors, changes of structure are: both must have been met.
  EXPECT_GT(accepted, content_.size());
  EXPECT_GT(refused, content_.size());
}

INSTANTIATE_TEST_SUITE_P(
    Formats, CorruptionTest,
    ::testing::Values(Format{"Gguf", STEER_TEST_DATA "/small.gguf", 3, 48, ReadGguf},
                      Format{"Safetensors", STEER_TEST_DATA "/small.safetensors", 7, 0,
                             ReadSafetensors}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace steer
