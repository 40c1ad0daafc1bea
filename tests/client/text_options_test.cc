#include "client/steerctl/text_options.h"

#include <fstream>

#include "client/steerctl/command_line.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/parsed_options.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TextOptionsTest : public ::testing::Test {
 protected:
  void Write(const std::string& lines) const { std::ofstream(path_) << lines; }

  const std::string path_ = testing::TempDir() + "/text_options_questions.jsonl";
};

TEST_F(TextOptionsTest, QuestionsAreAllThatALineOfMeasureNeeds) {
  Write("{\"question\": \"a\"}\n{\"question\": \"\"}\n");
  const auto options = Parsed({path_, "--signal", "polite=2", "--multipliers=0,-1", "--max-tokens",
                               "9", "--temperature=0", "--seed=5", "--texts"},
                              &AddMeasureOptions);
  ASSERT_TRUE(options.ok()) << options.status();
  const auto request = ToRequest(*options);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->questions(), ElementsAre("a", ""));
  EXPECT_THAT(request->multipliers(), ElementsAre(0, -1));
  EXPECT_EQ(request->controls(0).multiplier(), 2);
  EXPECT_EQ(request->sampling().max_tokens(), 9);
  EXPECT_TRUE(request->sampling().has_temperature());
  EXPECT_EQ(request->sampling().seed(), 5U);
  EXPECT_FALSE(request->omit_texts());
  const auto plain = ToRequest(*Parsed({path_}, &AddMeasureOptions));
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->sampling().has_max_tokens());
  EXPECT_TRUE(plain->omit_texts());
  Write(R"({"prompt": "a"})");
  EXPECT_THAT(std::string(ToRequest(*Parsed({path_}, &AddMeasureOptions)).status().message()),
              HasSubstr("line 1: question"));
  Write("\n");
  EXPECT_THAT(std::string(ToRequest(*Parsed({path_}, &AddMeasureOptions)).status().message()),
              HasSubstr("no questions"));
}

TEST_F(TextOptionsTest, PairsAreQuestionsWithChoices) {
  Write(R"({"question": "q", "answer_matching_behavior": " No", )"
        R"("answer_not_matching_behavior": " Yes"})");
  const auto request = ToRequest(*Parsed({path_, "--choices"}, &AddMeasureOptions));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_THAT(request->questions(), ElementsAre("q"));
  ASSERT_EQ(request->choices_size(), 1);
  EXPECT_EQ(request->choices(0).matching(), " No");
  EXPECT_EQ(request->choices(0).not_matching(), " Yes");
  EXPECT_EQ(ToRequest(*Parsed({path_}, &AddMeasureOptions))->choices_size(), 0);
  EXPECT_FALSE(Parsed({path_, "--texts", "--csv"}, &AddMeasureOptions).ok());
  EXPECT_FALSE(Parsed({path_, "--json", "--csv"}, &AddMeasureOptions).ok());
  Write(R"({"question": "a"})");
  const auto alone = ToRequest(*Parsed({path_, "--choices"}, &AddMeasureOptions));
  EXPECT_TRUE(IsUsageError(alone.status()));
  EXPECT_THAT(std::string(alone.status().message()), HasSubstr("line 1: positive"));
}

TEST_F(TextOptionsTest, AManifoldIsOfOneSignalAtSomeMultipliers) {
  Write(R"({"question": "a"})");
  const auto plain =
      ToRequest(*Parsed({path_, "--signal", "polite", "--multipliers=-1,0"}, &AddManifoldOptions));
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_THAT(plain->questions(), ElementsAre("a"));
  EXPECT_EQ(plain->control().signal(), "polite");
  EXPECT_FALSE(plain->control().has_multiplier());
  EXPECT_THAT(plain->multipliers(), ElementsAre(-1, 0));
  EXPECT_EQ(plain->subspace_case(), v1::ViewManifoldRequest::SUBSPACE_NOT_SET);
  EXPECT_EQ(plain->site() + plain->curve_id(), "");
  const auto all =
      ToRequest(*Parsed({path_, "--signal=polite", "--multipliers=2", "--site=layers.9.block_out",
                         "--explained=0.5", "--curve", "ID", "--raw", "--positions=generated"},
                        &AddManifoldOptions));
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->site(), "layers.9.block_out");
  EXPECT_EQ(all->explained_share(), 0.5);
  EXPECT_EQ(all->curve_id(), "ID");
  EXPECT_TRUE(all->raw());
  EXPECT_FALSE(all->control().positions().prompt());
  EXPECT_EQ(ToRequest(*Parsed({path_, "--signal=polite", "--multipliers=2", "--components=7"},
                              &AddManifoldOptions))
                ->components(),
            7);
}

TEST_F(TextOptionsTest, AManifoldRefusesWhatContradictsItself) {
  const std::vector<std::vector<std::string>> lines = {
      {path_, "--signal=a"},
      {path_, "--multipliers=1"},
      {path_, "--signal=a", "--multipliers=1", "--components=3", "--explained=0.5"},
      {path_, "--signal=a", "--multipliers=1", "--csv", "--json"},
      {"--signal=a", "--multipliers=1"},
  };
  for (const auto& line : lines)
    EXPECT_FALSE(Parsed(line, &AddManifoldOptions).ok()) << line.back();
  const auto twice = Parsed({path_, "--signal=a=2", "--multipliers=1"}, &AddManifoldOptions);
  EXPECT_THAT(std::string(twice.status().message()), HasSubstr("which --multipliers has"));
}

}  // namespace
}  // namespace steer
