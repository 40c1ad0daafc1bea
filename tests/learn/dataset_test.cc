#include "core/learn/dataset.h"

#include "core/learn/csv.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::vector<DatasetRow> MustParse(absl::string_view file, const DatasetReading& reading = {}) {
  absl::StatusOr<std::vector<DatasetRow>> rows = ParseDataset(file, reading);
  EXPECT_TRUE(rows.ok()) << rows.status();
  return rows.ok() ? *std::move(rows) : std::vector<DatasetRow>();
}

std::string Error(absl::string_view file, const DatasetReading& reading = {}) {
  const absl::Status status = ParseDataset(file, reading).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(CsvTest, ReadsQuotesCommasAndLineEndsInsideFields) {
  EXPECT_THAT(
      *ParseCsv("a,b\r\n\"x, \"\"y\"\"\nz\",\n\n,last"),
      ElementsAre(ElementsAre("a", "b"), ElementsAre("x, \"y\"\nz", ""), ElementsAre("", "last")));
  EXPECT_TRUE(ParseCsv("")->empty());
}

TEST(CsvTest, NamesTheLineOfABadQuote) {
  EXPECT_THAT(std::string(ParseCsv("a\nb \"c\"").status().message()), HasSubstr("line 2"));
  EXPECT_THAT(std::string(ParseCsv("a\n\n\"b\nc").status().message()), HasSubstr("line 3"));
  EXPECT_THAT(std::string(ParseCsv("\"b\"c").status().message()), HasSubstr("closing quote"));
}

TEST(DatasetTest, KnowsTheShapesThatAreAround) {
  const DatasetRow row{.question = "q", .positive = " Yes", .negative = " No"};
  EXPECT_THAT(MustParse(R"({"question":"q","positive":" Yes","negative":" No"})"),
              ElementsAre(row));
  EXPECT_THAT(MustParse("\n{\"question\":\"q\",\"answer_matching_behavior\":\" Yes\","
                        "\"answer_not_matching_behavior\":\" No\",\"label_confidence\":0.5}\n\n"),
              ElementsAre(DatasetRow{"q", " Yes", " No", {{"label_confidence", "0.5"}}}));
  const DatasetReading csv{.format = DatasetFormat::kCsv};
  EXPECT_THAT(MustParse("question,matching,not_matching\nq, Yes, No\n", csv), ElementsAre(row));
  EXPECT_THAT(MustParse("question,A,B,matching\nq, No, Yes,B\n", csv), ElementsAre(row));
  EXPECT_THAT(
      MustParse(R"({"input":"q","output":"o","concept_id":3,"more":["x"],"none":null})"),
      ElementsAre(DatasetRow{"q", "o", std::nullopt, {{"concept_id", "3"}, {"more", "[\"x\"]"}}}));
}

TEST(DatasetTest, NegativeAnswersMayHaveQuestionsOfTheirOwn) {
  const std::vector<DatasetRow> rows =
      MustParse(R"({"positive_input":"q","positive_output":"p","negative_input":"r",)"
                R"("negative_output":"n","concept_id":7})");
  EXPECT_THAT(rows, ElementsAre(DatasetRow{"q", "p", "n", {{"concept_id", "7"}}, "r"}));
  EXPECT_THAT(*FromText(ToText(rows)), rows);
  const std::vector<PolarPair> pairs = *ToPairs(rows);
  EXPECT_EQ(pairs.front().negative_question, "r");
  // Judged are both answers where the positive one does not come by itself.
  EXPECT_EQ(WithOneQuestion(pairs).front().question, "r");
  EXPECT_FALSE(WithOneQuestion(pairs).front().negative_question);
  std::vector<PolarPair> one = pairs;
  one.front().negative_question.reset();
  EXPECT_NE(HashOf(one), HashOf(pairs));
  EXPECT_EQ(WithOneQuestion(one).front().question, "q");
}

TEST(DatasetTest, RowsMayBeSpeltEachInItsOwnWay) {
  EXPECT_THAT(MustParse("{\"question\":\"q\",\"positive\":\"p\",\"negative\":\"n\"}\n"
                        "{\"input\":\"q\",\"matching\":\"p\",\"not_matching\":\"n\"}"),
              ElementsAre(DatasetRow{"q", "p", "n", {}}, DatasetRow{"q", "p", "n", {}}));
}

TEST(DatasetTest, TakesTheColumnsThatAreNamedAndTrimsIfAsked) {
  const DatasetReading reading{.question = "a", .positive = "b", .negative = "c", .trim = true};
  EXPECT_THAT(MustParse(R"({"a":" q ","b":" x\n","c":"y","question":"z"})", reading),
              ElementsAre(DatasetRow{" q ", "x", "y", {{"question", "z"}}}));
}

TEST(DatasetTest, SaysWhatIsWrongAndWhere) {
  const std::string good = "{\"question\":\"q\",\"positive\":\"p\"}\n";
  EXPECT_THAT(Error(""), HasSubstr("0 rows"));
  EXPECT_THAT(Error(good + "nonsense"), HasSubstr("row 2"));
  EXPECT_THAT(Error(good + "{\"question\":\"\",\"positive\":\"p\"}"), HasSubstr("row 2, question"));
  EXPECT_THAT(Error(good + "{\"question\":\"q\",\"positive\":null}"), HasSubstr("no answer"));
  EXPECT_THAT(Error(good + "{\"question\":\"q\",\"positive\":7}"), HasSubstr("number"));
  EXPECT_THAT(Error("{\"a\":1,\"b\":2}"), HasSubstr("row 1: got columns 'a', 'b'"));
  EXPECT_THAT(Error("{\"question\":\"\xff\"}"), HasSubstr("byte 13"));
  const DatasetReading csv{.format = DatasetFormat::kCsv};
  EXPECT_THAT(Error("question,positive\nq\n", csv), HasSubstr("1 fields"));
  EXPECT_THAT(Error("question,A,B,matching\nq,x,y,C\n", csv), HasSubstr("A or B"));
}

TEST(DatasetTest, WhatIsKeptReadsBackEqual) {
  const std::vector<DatasetRow> rows = {{"q\n", "p", "n", {{"k", "v"}}},
                                        {"\xc3\xa9", std::nullopt, "n", {}}};
  const std::string text = ToText(rows);
  EXPECT_EQ(*FromText(text), rows);
  EXPECT_EQ(ToText(*FromText(text)), text);
  EXPECT_TRUE(absl::IsDataLoss(FromText("{}").status()));
}

TEST(DatasetTest, SelectsByLabelAndRange) {
  std::vector<DatasetRow> rows;
  for (int i = 0; i < 6; ++i)
    rows.push_back({std::to_string(i), "p", "n", {{"odd", i % 2 ? "yes" : "no"}}});
  const auto questions = [&](const DatasetSelection& selection) {
    std::string joined;
    const absl::StatusOr<std::vector<DatasetRow>> selected = Select(rows, selection);
    if (!selected.ok()) return std::string(selected.status().message());
    for (const DatasetRow& row : *selected) joined += row.question;
    return joined;
  };
  EXPECT_EQ(questions({}), "012345");
  EXPECT_EQ(questions({.where = {{"odd", "yes"}}}), "135");
  EXPECT_EQ(questions({.where = {{"odd", "yes"}}, .first = 1, .count = 2}), "35");
  EXPECT_THAT(questions({.where = {{"odd", "maybe"}}}), HasSubstr("odd=maybe"));
  EXPECT_THAT(questions({.first = 6}), HasSubstr("0..5"));
  EXPECT_THAT(questions({.first = 4, .count = 3}), HasSubstr("1..2"));
  EXPECT_THAT(questions({.count = 0}), HasSubstr("count"));
}

TEST(DatasetTest, PairsNeedBothAnswers) {
  EXPECT_EQ(ToPairs({{"q", "p", "n", {}}})->front().negative, "n");
  EXPECT_THAT(std::string(ToPairs({{"q", "p", "n", {}}, {"q", "p", {}, {}}}).status().message()),
              HasSubstr("row 2"));
}

}  // namespace
}  // namespace steer
