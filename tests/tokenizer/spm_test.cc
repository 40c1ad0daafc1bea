#include <limits>

#include "core/tokenizer/detokenizer.h"
#include "core/tokenizer/symbols.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tokenizer/tokenizer_file.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr TokenId kUnknown = 0, kBos = 1, kEos = 2, kBytes = 3;
constexpr TokenId kSpace = kBytes + 256, kH = kSpace + 1, kI = kH + 1, kHi = kI + 1,
                  kSpaceHi = kHi + 1;

// "<unk>", "<s>", "</s>", the 256 bytes, then U+2581, "h", "i", "hi", U+2581 "hi".
TokenizerFile SmallFile() {
  const std::string space(kVisibleSpace);
  TokenizerFile file;
  file.model = "llama";
  file.Add("<unk>", TokenKind::kUnknown);
  file.Add("<s>", TokenKind::kControl);
  file.Add("</s>", TokenKind::kControl);
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    file.Add(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">", TokenKind::kByte);
  }
  for (const std::string& token :
       {space, std::string("h"), std::string("i"), std::string("hi"), space + "hi"}) {
    file.Add(token);
  }
  for (size_t id = 0; id < file.tokens.size(); ++id) file.scores.push_back(-float(id));
  file.bos = kBos;
  file.eos = kEos;
  return file;
}

std::unique_ptr<const Tokenizer> Make(TokenizerFile file) {
  auto tokenizer = file.MakeTokenizer();
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

TEST(SpmTest, ATextBeginsWithASpaceThatDecodingTakesOff) {
  const auto tokenizer = Make(SmallFile());
  EXPECT_THAT(tokenizer->Encode("hi hi", false), ElementsAre(kSpaceHi, kSpaceHi));
  EXPECT_THAT(tokenizer->Encode(" hi", false), ElementsAre(kSpace, kSpaceHi));
  EXPECT_THAT(tokenizer->Encode("", false), ElementsAre());
  EXPECT_EQ(Detokenize(*tokenizer, {kSpaceHi, kSpaceHi}, false), "hi hi");
  EXPECT_EQ(Detokenize(*tokenizer, {kSpace, kSpaceHi}, false), " hi");
  EXPECT_EQ(Detokenize(*tokenizer, {kHi, kSpaceHi}, false), "hi hi");
  EXPECT_EQ(Detokenize(*tokenizer, {kBos, kSpaceHi}, false), "hi");
  EXPECT_EQ(Detokenize(*tokenizer, {kBos, kSpaceHi}, true), "<s> hi");
  EXPECT_EQ(tokenizer->bos(), kBos);
  EXPECT_THAT(tokenizer->end_tokens(), ElementsAre(kEos));
}

TEST(SpmTest, AfterASpecialTokenASpaceIsPutToo) {
  const auto tokenizer = Make(SmallFile());
  EXPECT_THAT(tokenizer->Encode("hi</s>hi", true), ElementsAre(kSpaceHi, kEos, kSpaceHi));
}

TEST(SpmTest, WithoutThePrefixTheTextStaysAsItIs) {
  TokenizerFile file = SmallFile();
  file.add_space_prefix = false;
  const auto tokenizer = Make(file);
  EXPECT_THAT(tokenizer->Encode("hi hi", false), ElementsAre(kHi, kSpaceHi));
  EXPECT_EQ(Detokenize(*tokenizer, {kSpaceHi, kHi}, false), " hihi");
}

TEST(SpmTest, WhatHasNoTokenIsWrittenInBytes) {
  TokenizerFile file = SmallFile();
  const auto tokenizer = Make(file);
  EXPECT_THAT(tokenizer->Encode("é\n", false),
              ElementsAre(kSpace, kBytes + 0xC3, kBytes + 0xA9, kBytes + '\n'));
  Detokenizer detokenizer(tokenizer.get());
  EXPECT_EQ(detokenizer.Append(kSpace), "");
  EXPECT_EQ(detokenizer.Append(kBytes + 0xC3), "");
  EXPECT_EQ(detokenizer.Append(kBytes + 0xA9), "é");
  EXPECT_EQ(detokenizer.Append(kSpaceHi), " hi");
  // Text that spells a byte's token is text.
  EXPECT_EQ(Detokenize(*tokenizer, tokenizer->Encode("<0x41>", false), false), "<0x41>");
  file.tokens[kBytes + 0xA9] = "nothing";
  file.kinds[kBytes + 0xA9] = static_cast<int32_t>(TokenKind::kUnused);
  EXPECT_THAT(Make(file)->Encode("hié©", false), ElementsAre(kSpaceHi, 0 + kUnknown));
}

TEST(SpmTest, Phi3SpecialTokensTakeWhiteSpaceAlong) {
  TokenizerFile file = SmallFile();
  file.add_space_prefix = false;
  const TokenId user = file.Add("<|user|>", TokenKind::kControl);
  file.scores.push_back(0);
  EXPECT_THAT(Make(file)->Encode("<|user|>\n hi", true),
              ElementsAre(user, kBytes + '\n', kSpaceHi));
  file.architecture = "phi3";
  EXPECT_THAT(Make(file)->Encode("<|user|>\n hi<s> hi", true),
              ElementsAre(user, kHi, kBos, kSpaceHi));
}

TEST(SpmTest, LongTextWithoutSpacesIsNoAttack) {
  const auto tokenizer = Make(SmallFile());
  std::string text;
  for (int i = 0; i < 500'000; ++i) text += "hi";
  EXPECT_EQ(tokenizer->Encode(text, false).size(), 500'000u);
}

TEST(SpmTest, BrokenScoresAreRefusedByName) {
  TokenizerFile file = SmallFile();
  file.scores.pop_back();
  EXPECT_THAT(std::string(file.MakeTokenizer().status().message()),
              HasSubstr("tokenizer.ggml.scores"));
  file.scores.push_back(std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(std::string(file.MakeTokenizer().status().message()),
              HasSubstr("tokenizer.ggml.scores["));
}

}  // namespace
}  // namespace steer
