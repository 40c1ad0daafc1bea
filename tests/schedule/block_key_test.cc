#include "core/schedule/block_key.h"

#include <functional>
#include <set>

#include "gtest/gtest.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

// What one key is made from.
struct Block {
  BlockKey parent = RootKey("", "f32");
  std::vector<TokenId> tokens = {1, 2, 3, 4};
  int begin = 8;
  ControlSet controls = {Steering("s", 1), Steering("t", 2)};
  PromptLayout layout = {.prompt_length = 20, .head_length = 2};

  BlockKey Key() const { return NextKey(parent, tokens, begin, controls, layout); }
};

TEST(BlockKeyTest, EqualContentHasEqualKeys) {
  EXPECT_EQ(Block().Key(), Block().Key());
  EXPECT_EQ(RootKey("tenant", "bf16"), RootKey("tenant", "bf16"));
}

TEST(BlockKeyTest, WhateverMakesADifferenceToTheContentMakesOneToTheKey) {
  const std::vector<std::function<void(Block&)>> changes = {
      [](Block&) {},
      [](Block& block) { block.parent = RootKey("", "bf16"); },
      [](Block& block) { block.parent = RootKey("tenant", "f32"); },
      [](Block& block) { block.parent = Block().Key(); },
      [](Block& block) { block.tokens[3] = 5; },
      [](Block& block) { std::swap(block.tokens[0], block.tokens[1]); },
      [](Block& block) { block.tokens.pop_back(); },
      [](Block& block) { block.controls.clear(); },
      [](Block& block) { block.controls.pop_back(); },
      [](Block& block) { block.controls.erase(block.controls.begin()); },
      [](Block& block) { std::swap(block.controls[0], block.controls[1]); },
      [](Block& block) { block.controls[0] = Steering("u", 1); },
      [](Block& block) { block.controls[0].multipliers[0].m1 = 1.5; },
      [](Block& block) { block.controls[0].multipliers[0].m2 = 1.5; },
      [](Block& block) { block.controls[0].multipliers[0].m1 = 0; },
      // One that acts once, on the last but one of the prompt.
      [](Block& block) {
        block.layout.prompt_length = 12;
        block.controls[0].kind = SignalKind::kKv;
      },
      [](Block& block) { SetMultipliers(block.controls[0], 9, 0, 0); },
      [](Block& block) { SetMultipliers(block.controls[0], 10, 0, 0); },
      [](Block& block) { SetMultipliers(block.controls[0], 10, 3, 3); },
      // The prompt's stage ends within the block.
      [](Block& block) {
        block.layout.prompt_length = 11;
        block.controls[0].positions.prompt = false;
      },
      [](Block& block) {
        block.layout.prompt_length = 11;
        block.controls[1].positions.prompt = false;
      },
      [](Block& block) {
        block.layout.prompt_length = 12;
        block.controls[0].positions.prompt = false;
      },
      [](Block& block) {
        block.layout.head_length = 9;
        block.controls[0].positions.exclude_template_head = true;
      },
      [](Block& block) {
        block.layout.prompt_length = 20;
        block.layout.user_begin = 9;
        block.layout.user_end = 10;
        block.controls[0].positions.user_text_only = true;
      },
  };
  std::set<std::array<uint64_t, 4>> keys;
  for (const auto& change : changes) {
    Block block;
    change(block);
    EXPECT_TRUE(keys.insert(block.Key().words).second) << keys.size();
  }
}

TEST(BlockKeyTest, WhatDoesNotActMakesNoDifference) {
  Block plain;
  plain.controls.clear();
  const std::vector<std::function<void(Block&)>> idle = {
      [](Block& block) { block.controls = {Steering("s", 0)}; },
      [](Block& block) { block.controls = {Steering("s", -0.0)}; },
      [](Block& block) { block.controls = {Steering("s", 1, {.prompt = false})}; },
      [](Block& block) {
        block.layout.head_length = 12;
        block.controls = {Steering("s", 1, {.exclude_template_head = true})};
      },
      [](Block& block) {
        block.controls = {Steering("s", 0)};
        SetMultipliers(block.controls[0], 12, 1, 1);
      },
      [](Block& block) { block.layout.prompt_length = 3; },
  };
  for (const auto& change : idle) {
    Block block = plain;
    change(block);
    EXPECT_EQ(block.Key(), plain.Key());
  }
  // Runs that change nothing here, and a stage that is steered alike, are the same content.
  Block same;
  SetMultipliers(same.controls[0], 2, 5, 5);
  SetMultipliers(same.controls[0], 3, 1, 1);
  SetMultipliers(same.controls[0], 12, 7, 7);
  same.layout.prompt_length = 10;
  EXPECT_EQ(same.Key(), Block().Key());
}

TEST(BlockKeyTest, ANegativeZeroActsLikeAZero) {
  Block zero, negative;
  zero.controls = {Steering("s", 1)};
  zero.controls[0].multipliers[0].m1 = 0.0;
  negative.controls = zero.controls;
  negative.controls[0].multipliers[0].m1 = -0.0;
  EXPECT_EQ(zero.Key(), negative.Key());
}

}  // namespace
}  // namespace steer
