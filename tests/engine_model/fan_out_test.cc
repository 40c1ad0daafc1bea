// Texts fanned out over strengths against each text alone in a full pass at each strength.
#include "core/engine/fan_out.h"

#include <cmath>
#include <random>

#include "gtest/gtest.h"
#include "tests/engine_model/windowed_model.h"
#include "tests/support/loaded_model.h"

namespace steer {
namespace {

constexpr double kTolerance = 2e-4;

std::vector<TokenId> Tokens(int count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(random() % 256));
  return tokens;
}

// `shared` tokens, then own ones; the prompt's length counts from the front.
ForcedText Text(int shared, int own, uint32_t seed, PromptLayout layout) {
  ForcedText text;
  text.tokens = Tokens(shared, 1);
  const std::vector<TokenId> rest = Tokens(own, seed);
  text.tokens.insert(text.tokens.end(), rest.begin(), rest.end());
  text.layout = layout;
  return text;
}

ControlSet At(const ControlSet& controls, double factor) {
  ControlSet scaled = controls;
  for (ControlEntry& entry : scaled) SetMultipliers(entry, 0, factor, factor);
  return scaled;
}

class FanOutTest : public ::testing::Test {
 protected:
  // Everything the fan-out says must be what a full pass of each text alone says.
  void Expect(const std::vector<ForcedText>& texts, const ControlSet& controls,
              const std::vector<double>& strengths) {
    FanOut fan_out(decoder_, texts, controls);
    plain_rows_ = fan_out.plain_rows();
    rows_per_strength_ = fan_out.rows_per_strength();
    ASSERT_TRUE(fan_out.RunShared().ok());
    std::vector<ControlSet> sets;
    for (const double strength : strengths) sets.push_back(At(controls, strength));
    const auto result = fan_out.Run(sets);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->size(), strengths.size());
    const DecoderHarness harness(decoder_);
    for (size_t s = 0; s < strengths.size(); ++s) {
      ASSERT_EQ((*result)[s].size(), texts.size());
      for (size_t i = 0; i < texts.size(); ++i) {
        const ForcedText& text = texts[i];
        const at::Tensor expected =
            harness.Full({{text.tokens, sets[s], text.layout}})[0].log_softmax(-1);
        const int first = text.layout.prompt_length;
        ASSERT_EQ((*result)[s][i].size(), text.tokens.size() - first);
        for (size_t p = first; p < text.tokens.size(); ++p) {
          const auto row = static_cast<int64_t>(p) - 1;
          EXPECT_NEAR((*result)[s][i][p - first], expected[row][text.tokens[p]].item<double>(),
                      kTolerance)
              << "strength " << strengths[s] << " text " << i << " position " << p;
        }
      }
    }
  }

  ControlEntry Vector(int layer, PositionRule rule = {}) {
    ControlEntry entry = Entry(RandomSignal(decoder_->config().shape(), SignalKind::kVector,
                                            {layer, SiteKind::kBlockOut}, 1.0, 5 + layer),
                               1.0);
    entry.positions = rule;
    return entry;
  }

  ControlEntry Lora(Site site, PositionRule rule = {}) {
    ControlEntry entry =
        Entry(RandomSignal(decoder_->config().shape(), SignalKind::kLora, site, 0.3, 17), 1.0);
    entry.positions = rule;
    return entry;
  }

  std::shared_ptr<const Decoder> decoder_ = LoadWith({0, 0, 0});
  int plain_rows_ = 0;
  int rows_per_strength_ = 0;
};

TEST_F(FanOutTest, EveryRuleAndSite) {
  const PromptLayout layout{.prompt_length = 20, .head_length = 6, .user_begin = 9, .user_end = 15};
  const std::vector<ForcedText> texts = {Text(22, 9, 7, layout), Text(22, 5, 8, layout)};
  const PositionRule rules[] = {{},
                                {.prompt = false},
                                {.generated = false},
                                {.exclude_template_head = true},
                                {.generated = false, .user_text_only = true}};
  const int first_steered[] = {0, 19, 0, 6, 9};
  for (size_t i = 0; i < std::size(rules); ++i) {
    for (const ControlSet& controls :
         {ControlSet{Vector(1, rules[i])}, ControlSet{Vector(2, rules[i])},
          ControlSet{Lora({0, SiteKind::kKProj}, rules[i])},
          ControlSet{Lora({2, SiteKind::kBlockOut}, rules[i])}}) {
      Expect(texts, controls, {-1.5, 0, 0.5, 2});
      EXPECT_EQ(plain_rows_, first_steered[i]);
      // The last token of each text predicts nothing that is asked.
      EXPECT_EQ(rows_per_strength_, 22 - first_steered[i] + 8 + 4);
    }
  }
}

TEST_F(FanOutTest, SeveralControlsOfDifferentReach) {
  const PromptLayout layout{.prompt_length = 12, .head_length = 4};
  const std::vector<ForcedText> texts = {Text(12, 6, 7, layout), Text(12, 6, 8, layout)};
  Expect(texts,
         {Lora({1, SiteKind::kDownProj}, {.prompt = false}),
          Vector(2, {.exclude_template_head = true})},
         {1, -1});
  EXPECT_EQ(plain_rows_, 4);
}

TEST_F(FanOutTest, AnEditOfThePromptIsSeenByEveryBranch) {
  for (const std::vector<int>& windows : {std::vector<int>{0, 0, 0}, {3, 0, 8}}) {
    decoder_ = LoadWith(windows);
    ControlEntry edit = Entry(
        RandomSignal(decoder_->config().shape(), SignalKind::kKv, {1, SiteKind::kKv}, 2, 5), 1);
    const PromptLayout layout{
        .prompt_length = 20, .head_length = 6, .user_begin = 9, .user_end = 15};
    std::vector<ForcedText> texts = {Text(20, 9, 7, layout), Text(20, 5, 8, layout)};
    Expect(texts, {edit}, {-1.5, 0, 0.5, 2});
    EXPECT_EQ(plain_rows_, 18);
    // Of equal tokens another one is edited where the prompt is another.
    texts.push_back(Text(20, 5, 8, {.prompt_length = 17}));
    Expect(texts, {edit, Vector(2, {.prompt = false})}, {-1.5, 0, 2});
    EXPECT_EQ(plain_rows_, 15 + 3);
    edit.positions.user_text_only = true;
    Expect({Text(20, 9, 7, layout), Text(20, 5, 8, layout)}, {edit}, {1, 0});
    EXPECT_EQ(plain_rows_, 14);
  }
}

TEST_F(FanOutTest, TextsOfEveryShape) {
  const PromptLayout layout{.prompt_length = 10};
  const ControlSet controls = {Vector(1, {.prompt = false})};
  // One alone; three; equal ones; one that begins another; nothing in common but the prompt.
  Expect({Text(10, 4, 7, layout)}, controls, {1, 2});
  Expect({Text(10, 4, 7, layout), Text(10, 7, 8, layout), Text(10, 1, 9, layout)}, controls, {1});
  Expect({Text(10, 4, 7, layout), Text(10, 4, 7, layout)}, controls, {1, 2});
  ForcedText longer = Text(10, 4, 7, layout);
  longer.tokens.push_back(3);
  Expect({Text(10, 4, 7, layout), longer}, controls, {1, 0});
  // The answer is one token: all of it is the prompt's last row.
  Expect({Text(10, 1, 7, layout), Text(10, 1, 8, layout)}, controls, {1, 0});
  EXPECT_EQ(rows_per_strength_, 1);
}

TEST_F(FanOutTest, WhereLayoutsDifferNothingSteeredIsShared) {
  // Equal tokens, but what is prompt in one is answer in the other.
  const ForcedText a = Text(14, 4, 7, {.prompt_length = 8});
  const ForcedText b = Text(14, 4, 8, {.prompt_length = 12});
  Expect({a, b}, {Vector(0, {.generated = false})}, {1.5, 0});
  Expect({a, b}, {Vector(0, {.prompt = false})}, {1.5, 0});
  EXPECT_EQ(plain_rows_, 7 + 4);  // up to where it acts on a, and then on b
}

TEST_F(FanOutTest, PromptsThatBeginAlikeShareThat) {
  // Three prompts of 12 that share 8, each with two answers that share their first token.
  const PromptLayout layout{.prompt_length = 12, .head_length = 3};
  std::vector<ForcedText> texts;
  for (const uint32_t prompt : {7U, 8U, 9U}) {
    ForcedText text = Text(8, 4, prompt, layout);
    text.tokens.push_back(200);
    for (const TokenId last : {201, 202}) {
      texts.push_back(text);
      texts.back().tokens.insert(texts.back().tokens.end(), {last, 203, 204});
    }
  }
  // Not in the order of the tree.
  std::swap(texts[1], texts[4]);
  Expect(texts, {Vector(1)}, {1, 0, -2});
  EXPECT_EQ(plain_rows_, 0);
  EXPECT_EQ(rows_per_strength_, 8 + 3 * (5 + 2 * 2));
  Expect(texts, {Vector(1, {.exclude_template_head = true}), Lora({2, SiteKind::kVProj})}, {1, -2});
  EXPECT_EQ(plain_rows_, 0);
  Expect(texts, {Vector(1, {.exclude_template_head = true})}, {1, -2});
  EXPECT_EQ(plain_rows_, 3);
  // Steered from the last token of each prompt on: all prompts are plain, and shared as far as they
  // are alike.
  Expect(texts, {Vector(1, {.prompt = false})}, {1, -2});
  EXPECT_EQ(plain_rows_, 8 + 3 * 3);
  EXPECT_EQ(rows_per_strength_, 3 * (2 + 2 * 2));
}

TEST_F(FanOutTest, WindowsReachThroughTheWholeTree) {
  decoder_ = LoadWith({4, 0, 9});
  const PromptLayout layout{.prompt_length = 12};
  std::vector<ForcedText> texts;
  for (const uint32_t prompt : {7U, 8U}) {
    for (const TokenId last : {201, 202}) {
      texts.push_back(Text(8, 6, prompt, layout));
      texts.back().tokens.insert(texts.back().tokens.end(), {last, 203, 204});
    }
  }
  Expect(texts, {Vector(1)}, {1, -2});
  EXPECT_EQ(rows_per_strength_, 8 + 2 * (6 + 2 * 2));
}

TEST_F(FanOutTest, WithoutControlsAllStrengthsAreThePlainModel) {
  const PromptLayout layout{.prompt_length = 10};
  Expect({Text(10, 4, 7, layout), Text(10, 6, 8, layout)}, {}, {1, 2});
}

TEST_F(FanOutTest, WindowsReachFromABranchToTheRoot) {
  for (const std::vector<int>& windows : {std::vector<int>{3, 0, 8}, {5, 5, 5}, {16, 2, 0}}) {
    decoder_ = LoadWith(windows);
    const PromptLayout layout{.prompt_length = 20, .head_length = 6};
    Expect({Text(20, 9, 7, layout), Text(20, 7, 8, layout)},
           {Vector(1, {.exclude_template_head = true})}, {1, -2});
    EXPECT_EQ(plain_rows_, 6);
  }
}

TEST_F(FanOutTest, StrengthsRunTogetherOrOneByOneAreTheSame) {
  const PromptLayout layout{.prompt_length = 10, .head_length = 3};
  const std::vector<ForcedText> texts = {Text(10, 4, 7, layout), Text(10, 6, 8, layout)};
  const ControlSet controls = {Vector(1, {.exclude_template_head = true})};
  FanOut fan_out(decoder_, texts, controls);
  ASSERT_TRUE(fan_out.RunShared().ok());
  const std::vector<ControlSet> sets = {At(controls, 1), At(controls, 0), At(controls, -3)};
  const auto together = fan_out.Run(sets);
  ASSERT_TRUE(together.ok());
  for (size_t s = 0; s < sets.size(); ++s) {
    const auto alone = fan_out.Run({&sets[s], 1});
    ASSERT_TRUE(alone.ok());
    for (size_t i = 0; i < texts.size(); ++i) {
      for (size_t t = 0; t < (*alone)[0][i].size(); ++t)
        EXPECT_NEAR((*alone)[0][i][t], (*together)[s][i][t], kTolerance);
    }
  }
}

TEST_F(FanOutTest, WhatLeavesABlockIsWhatAFullPassSees) {
  const PromptLayout layout{.prompt_length = 15, .head_length = 4};
  const ForcedText text = Text(10, 6, 7, layout);
  for (const ControlSet& controls :
       {ControlSet{Vector(1, {.exclude_template_head = true})},
        ControlSet{Lora({1, SiteKind::kDownProj}, {.exclude_template_head = true}), Vector(2)}}) {
    FanOut fan_out(decoder_, {text}, controls);
    EXPECT_EQ(fan_out.first_layer(), 1);
    ASSERT_TRUE(fan_out.RunShared().ok());
    const std::vector<ControlSet> sets = {At(controls, 0), At(controls, 1), At(controls, -3)};
    for (const int layer : {1, 2}) {
      const auto h = fan_out.RunTo(layer, sets);
      ASSERT_TRUE(h.ok()) << h.status();
      const int plain = fan_out.plain_rows();
      ASSERT_EQ(h->sizes(), at::IntArrayRef({3, 15 - plain, decoder_->config().hidden}));
      for (size_t s = 0; s < sets.size(); ++s) {
        Taps taps;
        taps[Site{layer, SiteKind::kBlockOut}] = at::Tensor();
        DecoderHarness(decoder_).Full({{text.tokens, sets[s], text.layout}}, &taps);
        EXPECT_LT(MaxDifference((*h)[s], taps.begin()->second.narrow(0, plain, 15 - plain)),
                  kTolerance)
            << "layer " << layer << " strength " << s;
      }
    }
  }
}

TEST_F(FanOutTest, WhatIsNotFiniteSaysSo) {
  const PromptLayout layout{.prompt_length = 10};
  const std::vector<ForcedText> texts = {Text(10, 4, 7, layout)};
  const ControlSet controls = {Vector(1)};
  FanOut fan_out(decoder_, texts, controls);
  ASSERT_TRUE(fan_out.RunShared().ok());
  const std::vector<ControlSet> sets = {At(controls, 1e300), At(controls, 1)};
  const auto result = fan_out.Run(sets);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(std::isfinite((*result)[0][0][0]));
  EXPECT_TRUE(std::isfinite((*result)[1][0][0]));
}

}  // namespace
}  // namespace steer
