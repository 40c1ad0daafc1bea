#include "client/steerctl/completed_rows.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<OpenRows> Read(const std::string& text) {
  std::istringstream lines(text);
  return ReadOpenRows(lines, "rows.jsonl");
}

TEST(CompletedRowsTest, OnlyRowsWithoutANegativeAnswerAreOpen) {
  const auto rows = Read(
      "{\"question\":\"a\",\"positive\":\"p\",\"negative\":\"n\"}\n\n"
      "{\"input\":\"b\",\"output\":\"one two  three\",\"concept_id\":3}\n"
      "{\"question\":\"c\",\"matching\":\"p\",\"not_matching\":null}\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->open, ElementsAre(1, 2));
  EXPECT_THAT(rows->questions, ElementsAre("b", "c"));
  int left_out = 0;
  EXPECT_EQ(
      Complete(*rows, {"x y", "z"}, 0, left_out),
      "{\"question\":\"a\",\"positive\":\"p\",\"negative\":\"n\"}\n"
      "{\"input\":\"b\",\"output\":\"one two  three\",\"concept_id\":3,\"negative\":\"x y\"}\n"
      "{\"question\":\"c\",\"matching\":\"p\",\"not_matching\":null,\"negative\":\"z\"}\n");
  EXPECT_EQ(left_out, 0);
}

TEST(CompletedRowsTest, AnswersMayEndAfterSoManyWords) {
  const auto rows = Read("{\"question\":\"a\",\"positive\":\" one two\\nthree four\"}");
  ASSERT_TRUE(rows.ok()) << rows.status();
  int left_out = 0;
  EXPECT_EQ(Complete(*rows, {"five"}, 3, left_out),
            "{\"question\":\"a\",\"positive\":\" one two\\nthree\",\"negative\":\"five\"}\n");
}

TEST(CompletedRowsTest, WhatIsNoPairIsLeftOut) {
  const auto rows = Read(
      "{\"question\":\"a\",\"positive\":\"p q\"}\n"
      "{\"question\":\"b\",\"positive\":\"p\"}\n");
  ASSERT_TRUE(rows.ok()) << rows.status();
  int left_out = 0;
  EXPECT_EQ(Complete(*rows, {"p r", " "}, 1, left_out), "");
  EXPECT_EQ(left_out, 2);
}

TEST(CompletedRowsTest, NamesTheLineOfABadRow) {
  EXPECT_THAT(Read("{\"question\":\"a\",\"positive\":\"p\"}\n[]").status().ToString(),
              HasSubstr("rows.jsonl line 2"));
  EXPECT_THAT(Read("{\"positive\":\"p\"}").status().ToString(), HasSubstr("question"));
  EXPECT_THAT(Read("{\"question\":\"a\"}").status().ToString(), HasSubstr("positive"));
  EXPECT_THAT(Read("{\"question\":3,\"positive\":\"p\"}").status().ToString(), HasSubstr("string"));
  EXPECT_THAT(Read("\n").status().ToString(), HasSubstr("no rows"));
}

}  // namespace
}  // namespace steer
