#include "core/analysis/text_measures.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TextMeasuresTest, WordsAreWhatStandsBetweenWhiteSpace) {
  EXPECT_THAT(Words(" one  two,\n\tthree "), ElementsAre("one", "two,", "three"));
  EXPECT_THAT(Words("süß"), ElementsAre("süß"));
  EXPECT_THAT(Words(" \n"), IsEmpty());
}

TEST(TextMeasuresTest, ATextInWhichEverythingIsNew) {
  const TextMeasures measures = MeasureText("a b c d e f g h i");
  EXPECT_EQ(measures.words, 9);
  EXPECT_DOUBLE_EQ(measures.distinct_1, 1);
  EXPECT_DOUBLE_EQ(measures.distinct_2, 8.0 / 9);
  EXPECT_DOUBLE_EQ(measures.distinct_3, 7.0 / 9);
  EXPECT_NEAR(measures.entropy_2, 3, 1e-12);  // eight of one kind each
  EXPECT_NEAR(measures.entropy_3, std::log2(7), 1e-12);
  EXPECT_NEAR(measures.fluency, 1 + 2.0 / 3 * std::log2(7), 1e-12);
  EXPECT_EQ(measures.repetition, 0);
}

TEST(TextMeasuresTest, ALoop) {
  // a b a b a b a b: two 2-grams, four of one and three of the other.
  const TextMeasures measures = MeasureText("a b a b a b a b");
  EXPECT_DOUBLE_EQ(measures.distinct_1, 2.0 / 8);
  EXPECT_DOUBLE_EQ(measures.distinct_2, 2.0 / 8);
  const double p = 4.0 / 7, q = 3.0 / 7;
  EXPECT_NEAR(measures.entropy_2, -p * std::log2(p) - q * std::log2(q), 1e-12);
  EXPECT_NEAR(measures.entropy_3, 1, 1e-12);
  EXPECT_DOUBLE_EQ(measures.repetition, 1 - 2.0 / 5);
}

TEST(TextMeasuresTest, TextsTooShortForAnything) {
  for (const char* text : {"", " "}) {
    const TextMeasures measures = MeasureText(text);
    EXPECT_EQ(measures.words, 0);
    EXPECT_EQ(measures.distinct_1, 0);
    EXPECT_EQ(measures.fluency, 0);
    EXPECT_EQ(measures.repetition, 0);
  }
  EXPECT_DOUBLE_EQ(MeasureText("one").distinct_1, 1);
  EXPECT_EQ(MeasureText("one").distinct_2, 0);
}

TEST(TextMeasuresTest, AMeanIsOverTexts) {
  const TextMeasures texts[] = {MeasureText("a b c d"), MeasureText("a a a a a")};
  const TextMeasures mean = MeanOfTexts(texts);
  EXPECT_EQ(mean.words, 5);  // 4.5
  EXPECT_DOUBLE_EQ(mean.distinct_1, (1 + 0.2) / 2);
  EXPECT_DOUBLE_EQ(mean.repetition, (0 + 0.5) / 2);
  EXPECT_EQ(MeanOfTexts({}).words, 0);
}

}  // namespace
}  // namespace steer
