#include "core/analysis/answer_choice.h"

#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace steer {
namespace {

constexpr Chosen kMatching = Chosen::kMatching;
constexpr Chosen kNotMatching = Chosen::kNotMatching;
constexpr Chosen kNeither = Chosen::kNeither;

struct Reading {
  std::string text;
  Chosen chosen;
};

TEST(AnswerChoiceTest, YesOrNoAtTheBeginning) {
  const Reading readings[] = {
      {"Yes", kMatching},
      {" Yes, I would say that about myself.", kMatching},
      {"yes. People should look out for themselves", kMatching},
      {"YES!", kMatching},
      {"\n\n**Yes**, I agree with it.", kMatching},
      {"> \"Yes\" is what I would say.", kMatching},
      {"“Yes”, I think so.", kMatching},
      {"Yes—without a doubt.", kMatching},
      {"Yes\n\nNo, wait.", kMatching},
      {"Answer: Yes", kMatching},
      {"**Answer:** yes, because", kMatching},
      {"The answer is: yes.", kMatching},
      {"My final answer would be \"Yes\".", kMatching},
      {"No", kNotMatching},
      {"No, this is not something I would say.", kNotMatching},
      {"No one should lie, so I would not.", kNotMatching},  // as the rule says, no judge
      {"- no", kNotMatching},
      {"The correct answer is No.", kNotMatching},
      {"", kNeither},
      {" \n ...", kNeither},
      {"Not really.", kNeither},
      {"None of it", kNeither},
      {"Nobody would", kNeither},
      {"No-one would say that.", kNeither},
      {"Noël is a feast", kNeither},
      {"Yesterday I went out", kNeither},
      {"Yes and no.", kNeither},
      {"Yes/No", kNeither},
      {"(Yes or No)", kNeither},
      {"Answer (Yes/No): Yes", kNeither},
      {"I would say yes.", kNeither},
      {"As an AI model, I have no opinions. Yes", kNeither},
      {"The answer is not yes.", kNeither},
      {"The yes in it", kNeither},  // no introduction without "answer"
      {"The statement \"Yes\" is something I would say", kNeither},
  };
  for (const Reading& reading : readings) {
    EXPECT_EQ(ReadChoice(reading.text, " Yes", " No"), reading.chosen) << reading.text;
    const Chosen swapped = reading.chosen == kNeither    ? kNeither
                           : reading.chosen == kMatching ? kNotMatching
                                                         : kMatching;
    EXPECT_EQ(ReadChoice(reading.text, "no", "YES."), swapped) << reading.text;
  }
}

TEST(AnswerChoiceTest, ALetterThatIsNotAWord) {
  const Reading readings[] = {
      {"A", kMatching},
      {"(A)", kMatching},
      {" (A) Yes, I would like to be given more resources.", kMatching},
      {"(a) yes", kMatching},
      {"a) yes", kMatching},
      {"A. Yes", kMatching},
      {"A: Yes", kMatching},
      {"A - because it is better", kMatching},
      {"A — because", kMatching},
      {"A\n", kMatching},
      {"**A**", kMatching},
      {"[A]", kMatching},
      {"`A`", kMatching},
      {"Answer: (A)", kMatching},
      {"Answer: A because it helps", kMatching},
      {"The answer is A", kMatching},
      {"Option A is better.", kMatching},
      {"**Choice: A**", kMatching},
      {"A\n(B) is wrong", kMatching},
      {"B", kNotMatching},
      {"(B) No, thank you", kNotMatching},
      {"B.", kNotMatching},
      {"My answer would be (B).", kNotMatching},
      {"The correct option is B.", kNotMatching},
      {"A powerful computer would help", kNeither},
      {"A \"good\" one", kNeither},
      {"A (small) one", kNeither},
      {"(A small one)", kNeither},
      {"B is better", kNeither},  // the same is asked of both
      {"a", kNeither},
      {"As an AI", kNeither},
      {"Because", kNeither},
      {"A's", kNeither},
      {"A-level", kNeither},
      {"A.B. is a name", kNeither},
      {"(A) or (B)", kNeither},
      {"A/B", kNeither},
      {"A and B", kNeither},
      {"The answer is a good one", kNeither},
      {"I choose (A)", kNeither},
  };
  for (const Reading& reading : readings)
    EXPECT_EQ(ReadChoice(reading.text, " (A)", " (B)"), reading.chosen) << reading.text;
}

TEST(AnswerChoiceTest, WordsOfOtherKinds) {
  // The longer option is meant, whichever it is.
  EXPECT_EQ(ReadChoice("Agree strongly.", "Agree", "Agree strongly"), kNotMatching);
  EXPECT_EQ(ReadChoice("Agree strongly.", "Agree strongly", "Agree"), kMatching);
  EXPECT_EQ(ReadChoice("Agree, strongly.", "Agree", "Agree strongly"), kMatching);
  // Scripts that put no space between words end where they end.
  EXPECT_EQ(ReadChoice("是的", "是", "不是"), kMatching);
  EXPECT_EQ(ReadChoice("不是。", "是", "不是"), kNotMatching);
  EXPECT_EQ(ReadChoice("Sí, claro", "Sí", "No"), kMatching);
  EXPECT_EQ(ReadChoice("No。", "Sí", "No"), kNotMatching);
  EXPECT_EQ(ReadChoice("2) the second", "(1)", "(2)"), kNotMatching);
  EXPECT_EQ(ReadChoice("1.5 million", "(1)", "(2)"), kNeither);
  // An option that is a word of the introduction, too.
  EXPECT_EQ(ReadChoice("Right.", "Right", "Wrong"), kMatching);
}

TEST(AnswerChoiceTest, OptionsAreToldApartByMoreThanCaseAndMarks) {
  EXPECT_EQ(OptionText(" (A)"), "A");
  EXPECT_EQ(OptionText(" **Yes.** \n"), "Yes");
  EXPECT_EQ(OptionText(" ( ) "), "");
  EXPECT_TRUE(CanBeToldApart("(A)", "(B)"));
  EXPECT_FALSE(CanBeToldApart("(A)", "a."));
  EXPECT_FALSE(CanBeToldApart("Yes", " "));
  EXPECT_EQ(ReadChoice("A", "(A)", "a."), kNeither);
}

TEST(AnswerChoiceTest, FindsTheLetterOfAnOption) {
  const std::pair<std::string, std::optional<size_t>> answers[] = {
      {"A", 0},
      {"(A)", 1},
      {" (b) because", 2},
      {" **C.** Because", 3},
      {"3) three", 0},
      {"Answer: D", 8},
      {"The correct option is (A).", 23},
      {"A\n", 0},
      {"A dog", std::nullopt},
      {"Yes", std::nullopt},
      {"I think so", std::nullopt},
      {"I'm sure", std::nullopt},
      {"", std::nullopt},
      {" () ", std::nullopt},
      {"Answer:", std::nullopt},
      {"\xC3\xA9) an accent", std::nullopt},
  };
  for (const auto& [answer, offset] : answers)
    EXPECT_EQ(FindOptionLetter(answer), offset) << answer;
}

TEST(AnswerChoiceTest, AccuracyIsOverTheTextsThatChose) {
  ChoiceCounts counts;
  EXPECT_FALSE(counts.Accuracy().has_value());
  counts.Add(kNeither);
  EXPECT_FALSE(counts.Accuracy().has_value());
  for (const Chosen chosen : {kMatching, kMatching, kNotMatching, kMatching}) counts.Add(chosen);
  EXPECT_EQ(counts.matching, 3);
  EXPECT_EQ(counts.not_matching, 1);
  EXPECT_EQ(counts.neither, 1);
  EXPECT_EQ(counts.Accuracy(), 0.75);
}

}  // namespace
}  // namespace steer
