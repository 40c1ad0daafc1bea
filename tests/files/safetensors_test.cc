#include "core/files/safetensors.h"

#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

// A file of this header and `data_size` bytes behind it.
std::string FileOf(absl::string_view header, size_t data_size = 0) {
  const uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), sizeof size);
  absl::StrAppend(&file, header);
  file.append(data_size, '\x02');
  return file;
}

TEST(SafetensorsTest, ReadsWhatTheReferenceWrote) {
  const auto opened = SafetensorsFile::Open(STEER_TEST_DATA "/small.safetensors");
  ASSERT_TRUE(opened.ok()) << opened.status();
  const SafetensorsFile& file = **opened;
  EXPECT_THAT(file.metadata(),
              UnorderedElementsAre(Pair("format", "test/1"), Pair("note", "caf\u00e9 \"x\"\n")));
  ASSERT_EQ(file.tensors().size(), 7U);
  const auto& matrix = file.tensors().at("matrix");
  EXPECT_EQ(matrix.dtype, DType::kF32);
  EXPECT_THAT(matrix.shape, ElementsAre(2, 3));
  EXPECT_THAT(ToFloats(matrix.dtype, matrix.bytes), ElementsAre(0, 1, 2, 3, 4, 5));
  const auto& half = file.tensors().at("half");
  EXPECT_THAT(ToFloats(half.dtype, half.bytes), ElementsAre(0.5, -2));
  const auto& scalar = file.tensors().at("scalar");
  EXPECT_THAT(scalar.shape, IsEmpty());
  EXPECT_THAT(ToFloats(scalar.dtype, scalar.bytes), ElementsAre(2.5));
  EXPECT_THAT(file.tensors().at("empty").shape, ElementsAre(0, 4));
  EXPECT_EQ(file.tensors().at("ids").dtype, DType::kI64);
  EXPECT_EQ(file.tensors().at("ids").bytes.size(), 24U);
  EXPECT_EQ(file.tensors().at("flags").dtype, DType::kBool);
  EXPECT_EQ(file.tensors().at("n\u00e4me \"q\"").bytes[0], std::byte{7});
}

TEST(SafetensorsTest, WritesTheBytesOfTheReference) {
  std::ifstream stream(STEER_TEST_DATA "/one_dtype.safetensors", std::ios::binary);
  const std::string reference((std::istreambuf_iterator<char>(stream)), {});
  const std::string written = WriteSafetensors(
      {{"format", "test/1"}}, {{"a", HostTensor::FromFloats({2}, std::vector<float>{1, 2})},
                               {"b.c", HostTensor::FromFloats({1, 1}, std::vector<float>{3})}});
  EXPECT_EQ(written, reference);
}

TEST(SafetensorsTest, ReadsBackWhatItWrote) {
  const std::map<std::string, std::string> metadata = {{"quote\"\\", "line\n\u2603"}, {"", ""}};
  std::map<std::string, HostTensor> tensors;
  tensors["scalar"] = HostTensor::FromFloats({}, std::vector<float>{0.5F});
  tensors["empty"] = HostTensor::FromFloats({0, 3}, {});
  tensors["odd"] = HostTensor{DType::kU8, {3}, {std::byte{1}, std::byte{2}, std::byte{3}}};
  tensors["after.\u00fc"] = HostTensor::FromFloats({2, 1}, std::vector<float>{1, -1});
  const std::string written = WriteSafetensors(metadata, tensors);
  EXPECT_EQ(written, WriteSafetensors(metadata, tensors));

  const auto file = SafetensorsFile::Parse(Bytes(written));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->metadata(), metadata);
  ASSERT_EQ((*file)->tensors().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    const auto& read = (*file)->tensors().at(name);
    EXPECT_EQ(read.dtype, tensor.dtype) << name;
    EXPECT_EQ(read.shape, tensor.shape) << name;
    EXPECT_EQ(std::vector<std::byte>(read.bytes.begin(), read.bytes.end()), tensor.data) << name;
  }
  EXPECT_TRUE(SafetensorsFile::Parse(Bytes(WriteSafetensors({}, {}))).ok());
}

TEST(SafetensorsTest, TextThatIsNotUtf8StillMakesAReadableFile) {
  const std::string written = WriteSafetensors({{"note", "\xff"}}, {});
  const auto file = SafetensorsFile::Parse(Bytes(written));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->metadata().at("note"), "\uFFFD");
}

struct Lie {
  const char* what;
  std::string file;
  const char* words;  // in the message
};

std::string One(absl::string_view fields, size_t data_size = 4) {
  return FileOf(absl::StrCat("{\"a\":{", fields, "}}"), data_size);
}

std::string Two(absl::string_view offsets_a, absl::string_view offsets_b, size_t data_size) {
  return FileOf(
      absl::StrCat("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":", offsets_a,
                   "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":", offsets_b, "}}"),
      data_size);
}

std::vector<Lie> FramingLies() {
  const auto sized = [](uint64_t size) {
    std::string file = FileOf("{}");
    file.replace(0, 8, reinterpret_cast<const char*>(&size), 8);
    return file;
  };
  return {
      {"nothing", "", "header size at byte 0"},
      {"seven bytes", std::string(7, '\x01'), "header size"},
      {"a header past the end", sized(3), "header at byte 8"},
      {"a header of 2^63 bytes", sized(0x8000000000000000), "at most 100000000"},
      {"a header of 2^64-1 bytes", sized(~uint64_t{0}), "at most 100000000"},
      {"an empty header", sized(0), "'{'"},
      {"bytes no tensor owns", FileOf("{}", 1), "data: got 1 bytes"},
      {"a space first", FileOf(" {}"), "'{'"},
      {"a byte order mark", FileOf("\xef\xbb\xbf{}"), "'{'"},
      {"a hidden second half", FileOf(std::string("{}") + '\0' + "{}"), "NUL"},
      {"two objects", FileOf("{}{}"), "header at byte 10"},
      {"half an object", FileOf("{\"a\":"), "JSON"},
      {"a name that is not UTF-8", FileOf("{\"\xff\":1}"), "UTF-8"},
      {"half a surrogate", FileOf("{\"\\ud800\":1}"), "UTF-8"},
      {"deep nesting", FileOf("{\"a\":" + std::string(1000000, '[')), "tensor 'a'"},
      {"deep objects", FileOf("{\"a\":{\"dtype\":{\"a\":{}}}}"), "tensor 'a'.'dtype'"},
  };
}

std::vector<Lie> FieldLies() {
  const std::string dtype = "\"dtype\":\"F32\",";
  const std::string shape = "\"shape\":[1],";
  const std::string offsets = "\"data_offsets\":[0,4]";
  std::string ones;
  for (int i = 0; i < 64; ++i) ones += ",1";
  const auto shaped = [&](absl::string_view text) {
    return One(absl::StrCat(dtype, "\"shape\":", text, ",", offsets));
  };
  const auto placed = [&](absl::string_view text) {
    return One(absl::StrCat(dtype, shape, "\"data_offsets\":", text));
  };
  return {
      {"no dtype", One(shape + offsets), "missing"},
      {"no shape", One(dtype + offsets), "missing"},
      {"no offsets", One("\"dtype\":\"F32\",\"shape\":[1]"), "missing"},
      {"an unknown field", One(dtype + shape + offsets + ",\"x\":1"), "'x'"},
      {"a field twice", One(dtype + dtype + shape + offsets), "second time"},
      {"an unknown dtype", One("\"dtype\":\"F8_E4M3\"," + shape + offsets), "'F8_E4M3'"},
      {"a dtype that is no text", One("\"dtype\":7," + shape + offsets), "dtype"},
      {"a shape that is no array", shaped("1"), "shape"},
      {"a nested shape", shaped("[[1]]"), "shape"},
      {"a negative dimension", shaped("[-1]"), "negative"},
      {"a fraction", shaped("[1.0]"), "shape"},
      {"an exponent", shaped("[1e0]"), "shape"},
      {"a dimension above 2^63-1", shaped("[9223372036854775808]"), "2^63-1"},
      {"a dimension above 2^64", shaped("[18446744073709551617]"), "2^64"},
      {"an element count that overflows", shaped("[4294967296,4294967296]"), "takes"},
      {"a byte count that overflows", shaped("[9223372036854775807]"), "takes"},
      {"a shape of 65 dimensions", shaped("[1" + ones + "]"), "at most 64"},
      {"one offset", placed("[0]"), "1 offsets"},
      {"three offsets", placed("[0,4,4]"), "two byte offsets"},
      {"negative offsets", placed("[-4,0]"), "negative"},
      {"offsets turned round", placed("[4,0]"), "begins at 0"},
      {"offsets past the end", placed("[0,8]"), "within the 4 bytes"},
      {"offsets near 2^64", placed("[0,18446744073709551615]"), "within the 4 bytes"},
      {"a shape larger than the range", shaped("[2]"), "takes"},
      {"a shape smaller than the range", shaped("[0]"), "takes"},
      {"a number for a tensor", FileOf("{\"a\":1}"), "tensor 'a'"},
      {"null for a tensor", FileOf("{\"a\":null}"), "tensor 'a'"},
  };
}

std::vector<Lie> WholeLies() {
  const std::string empty = "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  return {
      {"an overlap", Two("[0,4]", "[2,6]", 6), "begins at 4"},
      {"the same bytes twice", Two("[0,4]", "[0,4]", 4), "begins at 4"},
      {"a gap", Two("[0,4]", "[6,10]", 10), "begins at 4"},
      {"a gap at the start", Two("[2,6]", "[6,10]", 10), "begins at 0"},
      {"bytes behind the last tensor", Two("[4,8]", "[0,4]", 9), "data"},
      {"a name twice", FileOf("{\"a\":" + empty + ",\"a\":" + empty + "}"), "second time"},
      {"a name twice, once escaped", FileOf("{\"a\":" + empty + ",\"\\u0061\":" + empty + "}"),
       "second time"},
      {"metadata twice", FileOf("{\"__metadata__\":{},\"__metadata__\":{}}"), "second time"},
      {"a note twice", FileOf("{\"__metadata__\":{\"x\":\"1\",\"x\":\"2\"}}"), "second time"},
      {"a note that is a number", FileOf("{\"__metadata__\":{\"x\":1}}"), "__metadata__.'x'"},
      {"a note that is an object", FileOf("{\"__metadata__\":{\"x\":{}}}"), "__metadata__.'x'"},
      {"metadata that is text", FileOf("{\"__metadata__\":\"x\"}"), "__metadata__"},
      {"metadata that is a list", FileOf("{\"__metadata__\":[]}"), "__metadata__"},
  };
}

TEST(SafetensorsLiesTest, AreRefusedByName) {
  for (const std::vector<Lie>& lies : {FramingLies(), FieldLies(), WholeLies()}) {
    for (const Lie& lie : lies) {
      const absl::Status status = SafetensorsFile::Parse(Bytes(lie.file)).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << lie.what;
      EXPECT_THAT(std::string(status.message()), HasSubstr(lie.words)) << lie.what;
    }
  }
}

TEST(SafetensorsLiesTest, TheTruthBesideThemIsAccepted) {
  EXPECT_TRUE(SafetensorsFile::Parse(Bytes(FileOf("{}"))).ok());
  EXPECT_TRUE(SafetensorsFile::Parse(Bytes(FileOf("{}  \n"))).ok());
  EXPECT_TRUE(SafetensorsFile::Parse(Bytes(FileOf("{\"__metadata__\":{}}"))).ok());
  EXPECT_TRUE(SafetensorsFile::Parse(Bytes(Two("[0,4]", "[4,8]", 8))).ok());
  EXPECT_TRUE(SafetensorsFile::Parse(Bytes(Two("[4,8]", "[0,4]", 8))).ok());
  EXPECT_TRUE(
      SafetensorsFile::Parse(Bytes(One("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]")))
          .ok());
}

TEST(SafetensorsTest, OpenNamesThePath) {
  const absl::Status status = SafetensorsFile::Open(STEER_TEST_DATA "/small.gguf").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("small.gguf"));
}

}  // namespace
}  // namespace steer
