#include "core/signal/positions.h"

#include <vector>

#include "core/base/status.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

std::vector<int> Selected(const PositionRule& rule, const PromptLayout& layout, int end) {
  std::vector<int> positions;
  for (int position = 0; position < end; ++position) {
    if (Selects(rule, layout, position)) positions.push_back(position);
  }
  return positions;
}

TEST(PositionsTest, GeneratedBeginsWithTheLastPromptPosition) {
  const PromptLayout layout{.prompt_length = 4};
  EXPECT_EQ(Selected({.prompt = false}, layout, 7), (std::vector<int>{3, 4, 5, 6}));
  EXPECT_EQ(Selected({.generated = false}, layout, 7), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(Selected({}, layout, 7), (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
}

TEST(PositionsTest, AOneTokenPromptHasNoPromptPositions) {
  const PromptLayout layout{.prompt_length = 1};
  EXPECT_EQ(Selected({.generated = false}, layout, 3), std::vector<int>{});
  EXPECT_EQ(Selected({.prompt = false}, layout, 3), (std::vector<int>{0, 1, 2}));
}

TEST(PositionsTest, ExclusionOfTheHeadAlwaysWins) {
  const PositionRule rule{.exclude_template_head = true};
  EXPECT_EQ(Selected(rule, {.prompt_length = 4, .head_length = 2}, 6),
            (std::vector<int>{2, 3, 4, 5}));
  // Even over positions that would be "generated".
  EXPECT_EQ(Selected(rule, {.prompt_length = 2, .head_length = 4}, 6), (std::vector<int>{4, 5}));
  // Without the rule the head is like any other part of the prompt.
  EXPECT_EQ(Selected({}, {.prompt_length = 4, .head_length = 2}, 3), (std::vector<int>{0, 1, 2}));
}

TEST(PositionsTest, UserTextOnlyLeavesOutWhatTheTemplatePutsAroundIt) {
  const PromptLayout layout{.prompt_length = 7, .head_length = 2, .user_begin = 3, .user_end = 5};
  EXPECT_EQ(Selected({.user_text_only = true}, layout, 9), (std::vector<int>{3, 4, 6, 7, 8}));
  EXPECT_EQ(Selected({.generated = false, .user_text_only = true}, layout, 9),
            (std::vector<int>{3, 4}));
  EXPECT_EQ(Selected({.prompt = false, .user_text_only = true}, layout, 9),
            (std::vector<int>{6, 7, 8}));
  // The last prompt position is the first generated one even where the user's text reaches it.
  EXPECT_EQ(Selected({.generated = false, .user_text_only = true},
                     {.prompt_length = 4, .user_begin = 1, .user_end = 4}, 9),
            (std::vector<int>{1, 2}));
  // A raw prompt has no user's text.
  EXPECT_EQ(Selected({.generated = false, .user_text_only = true}, {.prompt_length = 4}, 9),
            std::vector<int>{});
}

TEST(PositionsTest, CountSelectedIsTheBruteForceCount) {
  int compared = 0;
  for (int bits = 0; bits < 16; ++bits) {
    const PositionRule rule{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
    for (int prompt = 1; prompt <= 6; ++prompt) {
      for (int head = 0; head <= 7; ++head) {
        const PromptLayout layout{prompt, head, prompt / 3, (2 * prompt + head) / 3};
        for (int begin = 0; begin <= 9; ++begin) {
          for (int end = 0; end <= 9; ++end) {
            int expected = 0;
            for (int p = begin; p < end; ++p) expected += Selects(rule, layout, p) ? 1 : 0;
            ASSERT_EQ(CountSelected(rule, layout, begin, end), expected)
                << "rule " << bits << " prompt " << prompt << " head " << head << " [" << begin
                << ", " << end << ")";
            ++compared;
          }
        }
      }
    }
  }
  EXPECT_EQ(compared, 16 * 6 * 8 * 100);
}

TEST(PositionsTest, ARuleThatCanSelectNothingIsRefusedByName) {
  EXPECT_TRUE(Validate(PositionRule{}, "positions").ok());
  EXPECT_TRUE(Validate(PositionRule{.prompt = false}, "positions").ok());
  EXPECT_TRUE(Validate(PositionRule{.generated = false}, "positions").ok());
  const absl::Status status =
      Validate(PositionRule{.prompt = false, .generated = false}, "controls[1].positions");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DetailOf(status)->field, "controls[1].positions");
}

}  // namespace
}  // namespace steer
