#include "core/learn/reading.h"

#include <string>

#include "core/base/status.h"
#include "gtest/gtest.h"
#include "tests/support/byte_tokenizer.h"

namespace steer {
namespace {

// Pieces of an answer behind "Q:"; tokens of several bytes are the tokenizer's own.
class ReadingTest : public testing::Test {
 protected:
  static constexpr TokenId kOpenA = ByteTokenizer::kEnd + 1;  // "(A"
  static constexpr TokenId kColonA = kOpenA + 1;              // ":A"
  static constexpr TokenId kStop = kColonA + 1;               // ").\n"

  ForcedText Text(std::vector<TokenId> answer) const {
    ForcedText text;
    text.tokens = {'Q', '1'};
    text.layout = {.prompt_length = 2};
    text.tokens.insert(text.tokens.end(), answer.begin(), answer.end());
    return text;
  }
  // The position that is read; -1 where it is refused.
  int Letter(const std::vector<TokenId>& answer, const std::string& written) const {
    const auto read = FindReading(Reading::kAnswerLetter, Text(answer), written, tokenizer_, "a");
    if (!read.ok()) {
      EXPECT_EQ(DetailOf(read.status())->field, "a");
      return -1;
    }
    EXPECT_EQ(read->end, read->begin + 1);
    return read->begin;
  }

  const ByteTokenizer tokenizer_{{"(A", ":A", ").\n"}};
};

TEST_F(ReadingTest, EveryReadingButTheLetterIsByPosition) {
  ForcedText text = Text({'a', 'b', 'c'});
  const auto read = [&](Reading reading) {
    const TokenRange range = *FindReading(reading, text, "abc", tokenizer_, "a");
    return std::pair(range.begin, range.end);
  };
  EXPECT_EQ(read(Reading::kAnswerMean), std::pair(2, 5));
  EXPECT_EQ(read(Reading::kAnswerFirst), std::pair(2, 3));
  EXPECT_EQ(read(Reading::kAnswerLast), std::pair(4, 5));
  EXPECT_EQ(read(Reading::kPromptLast), std::pair(1, 2));
  // Without a template the first token is left out all the same.
  EXPECT_EQ(read(Reading::kTextMean), std::pair(1, 5));
  text.layout.head_length = 2;
  EXPECT_EQ(read(Reading::kTextMean), std::pair(2, 5));
}

TEST_F(ReadingTest, ALetterIsFoundInWhateverTokenItLies) {
  EXPECT_EQ(Letter({'(', 'A', ')'}, "(A)"), 3);
  EXPECT_EQ(Letter({kOpenA, ')'}, "(A)"), 2);
  EXPECT_EQ(Letter({'(', 'B', kStop}, "(B).\n"), 3);
  EXPECT_EQ(Letter({'A'}, "A"), 2);
  EXPECT_EQ(Letter({' ', 'C', ')', ' ', 'N', 'o'}, " C) No"), 3);
  EXPECT_EQ(Letter({'A', 'n', 's', 'w', 'e', 'r', ':', ' ', 'B'}, "Answer: B"), 10);
  // Merged with the end of the prompt.
  EXPECT_EQ(Letter({kColonA, ')'}, "A)"), 2);
  // What a template trims, at either end.
  EXPECT_EQ(Letter({'(', 'A', ')'}, "  (A) \n"), 3);
}

TEST_F(ReadingTest, AnAnswerWithoutTheLetterOfAnOptionIsRefused) {
  EXPECT_EQ(Letter({'Y', 'e', 's'}, "Yes"), -1);
  EXPECT_EQ(Letter({'I', ' ', 's', 'a', 'y'}, "I say"), -1);
  EXPECT_EQ(Letter({'(', ')'}, "()"), -1);
  EXPECT_EQ(Letter({' '}, " "), -1);
  // The tokens spell something else, or less.
  EXPECT_EQ(Letter({'(', 'B', ')'}, "(A)"), -1);
  EXPECT_EQ(Letter({')'}, "(A)"), -1);
}

}  // namespace
}  // namespace steer
