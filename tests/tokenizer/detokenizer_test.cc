#include "core/tokenizer/detokenizer.h"

#include "core/tokenizer/utf8.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"

namespace steer {
namespace {

// `bytes` cut into tokens at the places that `cuts` has bits for.
std::vector<std::string> CutUp(const std::string& bytes, uint32_t cuts) {
  std::vector<std::string> pieces(1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    pieces.back().push_back(bytes[i]);
    if (i + 1 < bytes.size() && (cuts >> i & 1U) != 0) pieces.emplace_back();
  }
  return pieces;
}

struct Case {
  const char* bytes;
  const char* text;  // what Python's bytes.decode(errors="replace") gives
};

class DetokenizerTest : public testing::TestWithParam<Case> {};

TEST_P(DetokenizerTest, EverySplitIntoTokensGivesTheSameText) {
  const std::string bytes = GetParam().bytes;
  for (uint32_t cuts = 0; cuts < 1U << (bytes.size() - 1); ++cuts) {
    const std::vector<std::string> pieces = CutUp(bytes, cuts);
    const ByteTokenizer tokenizer(pieces);
    Detokenizer detokenizer(&tokenizer);
    std::vector<TokenId> tokens;
    std::string text;
    std::string so_far;
    for (size_t i = 0; i < pieces.size(); ++i) {
      tokens.push_back(ByteTokenizer::kEnd + 1 + static_cast<TokenId>(i));
      so_far += pieces[i];
      const std::string part = detokenizer.Append(tokens.back());
      ASSERT_FALSE(FirstInvalidUtf8(part)) << "emits a torn character";
      text += part;
      // Only the beginning of a character may be held back.
      std::string all;
      AppendValidUtf8(so_far, &all);
      ASSERT_LE(all.size(), text.size() + 3);
    }
    text += detokenizer.Flush();
    ASSERT_EQ(text, GetParam().text);
    ASSERT_EQ(detokenizer.Flush(), "");
    ASSERT_EQ(Detokenize(tokenizer, tokens, false), GetParam().text);
  }
}

INSTANTIATE_TEST_SUITE_P(Texts, DetokenizerTest,
                         testing::Values(Case{"plain", "plain"}, Case{"aé字😀z", "aé字😀z"},
                                         Case{"👩‍🚀", "👩‍🚀"},
                                         Case{"\xE5\xAD", "\uFFFD"},
                                         Case{"\xF0\x9F\x98z", "\uFFFDz"},
                                         Case{"a\x80\xE5\xAD\xF0\x9F", "a\uFFFD\uFFFD\uFFFD"},
                                         Case{"\xED\xA0\x80!", "\uFFFD\uFFFD\uFFFD!"},
                                         Case{"\xF1\x80\x80\xE1\x80\xC2"
                                              "b\x80"
                                              "c\x80\xBF"
                                              "d",
                                              "\uFFFD\uFFFD\uFFFDb\uFFFDc\uFFFD\uFFFDd"},
                                         Case{"\xC0\xAF\xFF\xF5", "\uFFFD\uFFFD\uFFFD\uFFFD"}));

TEST(DetokenizerTest, ACharacterComesWithItsLastByte) {
  const ByteTokenizer tokenizer;
  Detokenizer detokenizer(&tokenizer);
  EXPECT_EQ(detokenizer.Append(0xF0), "");
  EXPECT_EQ(detokenizer.Append(0x9F), "");
  EXPECT_EQ(detokenizer.Append(0x98), "");
  EXPECT_EQ(detokenizer.Append(0x80), "😀");
  EXPECT_EQ(detokenizer.Append(0xF0), "");
  EXPECT_EQ(detokenizer.Append('a'), "\uFFFDa");
}

TEST(DetokenizerTest, SpecialTokensGiveNoTextAndDoNotEndACharacter) {
  const ByteTokenizer tokenizer;
  Detokenizer detokenizer(&tokenizer);
  EXPECT_EQ(detokenizer.Append(0xC3), "");
  EXPECT_EQ(detokenizer.Append(ByteTokenizer::kEnd), "");
  EXPECT_EQ(detokenizer.Append(0xA9), "é");
  EXPECT_EQ(Detokenize(tokenizer, {'a', ByteTokenizer::kEnd}, false), "a");
  EXPECT_EQ(Detokenize(tokenizer, {'a', ByteTokenizer::kEnd}, true), "a<end>");
}

TEST(DetokenizerTest, IsEmptyAfterFlush) {
  const ByteTokenizer tokenizer;
  Detokenizer detokenizer(&tokenizer);
  detokenizer.Append(0xE5);
  EXPECT_EQ(detokenizer.Flush(), "\uFFFD");
  EXPECT_EQ(detokenizer.Append('b'), "b");
}

}  // namespace
}  // namespace steer
