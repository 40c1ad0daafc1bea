#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/tokenizer/known_pre_tokenizers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> Split(absl::string_view name, absl::string_view text) {
  const auto known = FindPreTokenizer(name);
  EXPECT_TRUE(known.ok()) << known.status();
  std::vector<std::string> pieces;
  StagesOf(*known).Run(text, true, [&](absl::string_view piece) { pieces.emplace_back(piece); });
  EXPECT_EQ(absl::StrJoin(pieces, ""), std::string(text));
  return pieces;
}

TEST(PreTokenizerTest, Gpt2KeepsASpaceWithTheWordBehindIt) {
  EXPECT_THAT(Split("gpt-2", "It's  12 o'clock!\n"),
              ElementsAre("It", "'s", " ", " 12", " o", "'", "clock", "!", "\n"));
}

TEST(PreTokenizerTest, SmollmIsolatesDigits) {
  EXPECT_THAT(Split("smollm", "a  12 b"), ElementsAre("a", "  ", "1", "2", " b"));
  EXPECT_THAT(Split("smollm", "x\n\n 5"), ElementsAre("x", "\n\n ", "5"));
  EXPECT_THAT(Split("smollm", "x\n\n y"), ElementsAre("x", "\n\n", " y"));
  EXPECT_THAT(Split("smollm", "½²Ⅷ"), ElementsAre("½", "²", "Ⅷ"));
}

TEST(PreTokenizerTest, NewerPatternsGroupDigitsAndLineEnds) {
  EXPECT_THAT(Split("llama-bpe", "I'LL pay 12345.\n\n ok"),
              ElementsAre("I", "'LL", " pay", " ", "123", "45", ".\n\n", " ok"));
  EXPECT_THAT(Split("qwen2", "I'LL pay 123.\n\n ok"),
              ElementsAre("I", "'LL", " pay", " ", "1", "2", "3", ".\n\n", " ok"));
}

TEST(PreTokenizerTest, NewestPatternsCutBeforeCapitals) {
  EXPECT_THAT(Split("tekken", "OneTwo's 12/\n"),
              ElementsAre("One", "Two", "'s", " ", "1", "2", "/\n"));
  EXPECT_THAT(Split("gpt-4o", "OneTwo's 1234"), ElementsAre("One", "Two's", " ", "123", "4"));
}

TEST(PreTokenizerTest, MongolianVowelSeparatorIsNoWhiteSpace) {
  EXPECT_THAT(Split("gpt-2", "\t\u180E"), ElementsAre("\t", "\u180E"));
  EXPECT_THAT(Split("gpt-2", "\t\u3000"), ElementsAre("\t\u3000"));
}

TEST(PreTokenizerTest, LongRunsAreOnePiece) {
  for (const char* name : {"gpt-2", "llama-bpe", "qwen2", "smollm", "tekken", "gpt-4o"}) {
    EXPECT_THAT(Split(name, std::string(1'000'000, 'a')), SizeIs(1)) << name;
    EXPECT_THAT(Split(name, std::string(1'000'000, ' ')), SizeIs(1)) << name;
    EXPECT_THAT(Split(name, std::string(1'000'000, ' ') + "a"), SizeIs(2)) << name;
    EXPECT_THAT(Split(name, std::string(1'000'000, '\n') + " a"), SizeIs(2)) << name;
    EXPECT_THAT(Split(name, std::string(1'000'000, '!')), SizeIs(1)) << name;
  }
}

TEST(PreTokenizerTest, NothingGivesNoPiece) { EXPECT_THAT(Split("smollm", ""), SizeIs(0)); }

TEST(PreTokenizerTest, AnUnknownNameIsRefusedWithTheKnownOnes) {
  for (const char* name : {"", "deepseek-llm", "SMOLLM"}) {
    const absl::Status status = FindPreTokenizer(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("tokenizer.ggml.pre: got '" + std::string(name) +
                          "', allowed: gpt-2, llama-bpe, "));
  }
}

}  // namespace
}  // namespace steer
