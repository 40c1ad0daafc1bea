#include "core/tokenizer/utf8.h"

#include "gtest/gtest.h"
#include "tests/tokenizer/code_point.h"

namespace steer {
namespace {

std::string MadeValid(absl::string_view text) {
  std::string valid;
  AppendValidUtf8(text, &valid);
  return valid;
}

TEST(Utf8Test, EveryCodePointIsOneCharacterExceptSurrogates) {
  for (uint32_t code = 0; code < 0x120000; ++code) {
    const std::string text = Utf8Of(code);
    const bool is_valid = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    ASSERT_EQ(!FirstInvalidUtf8(text), is_valid) << std::hex << code;
    if (!is_valid) continue;
    const Utf8Chunk chunk = NextUtf8(text + "x");
    ASSERT_EQ(chunk.kind, Utf8Chunk::Kind::kCharacter);
    ASSERT_EQ(chunk.length, text.size());
    ASSERT_EQ(CodePoint(text), code);
    ASSERT_EQ(MadeValid(text), text);
  }
}

TEST(Utf8Test, OverlongFormsAreRefused) {
  for (const char* text : {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF",
                           "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF"}) {
    EXPECT_EQ(FirstInvalidUtf8(text), 0u);
  }
}

TEST(Utf8Test, TheOffsetIsThatOfTheIllFormedSequence) {
  EXPECT_EQ(FirstInvalidUtf8(""), std::nullopt);
  EXPECT_EQ(FirstInvalidUtf8("\x80"), 0u);
  EXPECT_EQ(FirstInvalidUtf8("twelve bytes\xFF and more"), 12u);
  EXPECT_EQ(FirstInvalidUtf8("é\xE2\x82"), 2u);               // cut off by the end
  EXPECT_EQ(FirstInvalidUtf8("aé\xE2\x82z"), 3u);             // cut off by a letter
  EXPECT_EQ(FirstInvalidUtf8("12345678é\xED\xA0\x80"), 10u);  // a surrogate
}

TEST(Utf8Test, AnOffsetIsFoundBehindAnyNumberOfCharacters) {
  for (size_t before = 0; before < 40; ++before) {
    const std::string text = std::string(before, 'x') + "\xFF" + std::string(20, 'y');
    EXPECT_EQ(FirstInvalidUtf8(text), before);
  }
}

// Python: bytes(...).decode(errors="replace").
TEST(Utf8Test, EachMaximalSubpartBecomesOneReplacement) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(MadeValid("\xF1\x80\x80\xE1\x80\xC2"
                      "b\x80"
                      "c\x80\xBF"
                      "d"),
            r + r + r + "b" + r + "c" + r + r + "d");
  EXPECT_EQ(MadeValid("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(MadeValid("\xC0\xAF"), r + r);
  EXPECT_EQ(MadeValid("\xF4\x90\x80\x80"), r + r + r + r);
  EXPECT_EQ(MadeValid("\xE2\x82"), r);
  EXPECT_EQ(MadeValid("\xF0\x9F\x98"), r);
  EXPECT_EQ(MadeValid("\xF0\x9F\x98z"), r + "z");
  EXPECT_EQ(MadeValid("\xE0\x9F\x80"), r + r + r);
}

TEST(Utf8Test, ABeginningIsToldFromABrokenSequence) {
  EXPECT_EQ(NextUtf8("\xF0\x9F").kind, Utf8Chunk::Kind::kIncomplete);
  EXPECT_EQ(NextUtf8("\xF0\x9F").length, 2u);
  EXPECT_EQ(NextUtf8("\xF0\x9Fz").kind, Utf8Chunk::Kind::kInvalid);
  EXPECT_EQ(NextUtf8("\xF0\x9Fz").length, 2u);
  EXPECT_EQ(NextUtf8("\xE0\x80").kind, Utf8Chunk::Kind::kInvalid);
  EXPECT_EQ(NextUtf8("\xE0\x80").length, 1u);
}

}  // namespace
}  // namespace steer
