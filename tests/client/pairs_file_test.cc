#include "client/pairs_file.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kGood[] = R"({"question": "q", "positive": "p", "negative": "n"})";

absl::StatusOr<std::vector<v1::PolarPair>> Parse(const std::string& text) {
  std::istringstream lines(text);
  return ParsePairs(lines, "pairs.jsonl");
}

std::string Message(const std::string& text) { return std::string(Parse(text).status().message()); }

TEST(PairsFileTest, ReadsEverySpellingAndSkipsBlankLines) {
  const auto pairs = Parse(
      "{\"question\": \"q1\", \"positive\": \"p1\", \"negative\": \"n1\", \"other\": 7}\n"
      "\n   \n"
      "{\"question\": \"q2\", \"matching\": \"p2\", \"not_matching\": \"n2\"}\r\n"
      "{\"question\": \"\", \"answer_matching_behavior\": \"\\u00e9\", "
      "\"answer_not_matching_behavior\": \" (B)\"}");
  ASSERT_TRUE(pairs.ok()) << pairs.status();
  ASSERT_EQ(pairs->size(), 3u);
  EXPECT_EQ((*pairs)[0].question(), "q1");
  EXPECT_EQ((*pairs)[0].positive(), "p1");
  EXPECT_EQ((*pairs)[0].negative(), "n1");
  EXPECT_EQ((*pairs)[1].positive(), "p2");
  EXPECT_EQ((*pairs)[1].negative(), "n2");
  EXPECT_EQ((*pairs)[2].question(), "");
  EXPECT_EQ((*pairs)[2].positive(), "\xC3\xA9");
  EXPECT_EQ((*pairs)[2].negative(), " (B)");
}

TEST(PairsFileTest, ErrorsNameTheLine) {
  const std::string good = std::string(kGood) + "\n";
  EXPECT_THAT(Message(good + "\n{not json}\n"), HasSubstr("pairs.jsonl line 3: not valid JSON"));
  EXPECT_THAT(Message(good + "[1]"), AllOf(HasSubstr("line 2"), HasSubstr("array")));
  EXPECT_THAT(Message(R"({"question": "q", "positive": "p"})"),
              AllOf(HasSubstr("line 1: negative"), HasSubstr("not_matching")));
  EXPECT_THAT(Message(R"({"positive": "p", "negative": "n"})"), HasSubstr("line 1: question"));
  EXPECT_THAT(Message(R"({"question": "q", "positive": 3, "negative": "n"})"),
              AllOf(HasSubstr("line 1: positive"), HasSubstr("number")));
  EXPECT_THAT(Message(R"({"question": "q", "positive": "p", "negative": ""})"),
              AllOf(HasSubstr("line 1: negative"), HasSubstr("empty")));
}

TEST(PairsFileTest, BytesThatAreNoUtf8AreAnErrorOfTheirLine) {
  EXPECT_THAT(Message("{\"question\": \"\xFF\", \"positive\": \"p\", \"negative\": \"n\"}"),
              HasSubstr("line 1: not valid JSON"));
}

TEST(PairsFileTest, AFileWithoutPairsIsAnError) {
  EXPECT_THAT(Message(" \n\n"), HasSubstr("no pairs"));
}

TEST(PairsFileTest, AMissingFileIsNotFound) {
  const auto pairs = ReadPairs(testing::TempDir() + "/there-is-no-such-file.jsonl");
  EXPECT_TRUE(absl::IsNotFound(pairs.status()));
  EXPECT_THAT(std::string(pairs.status().message()), HasSubstr("no-such-file.jsonl"));
}

}  // namespace
}  // namespace steer
