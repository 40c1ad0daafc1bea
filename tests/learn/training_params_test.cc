#include "core/learn/training_params.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

const ModelShape kShape = {.layers = 3, .hidden = 40, .ffn = 90, .q_width = 40, .kv_width = 20};
const Site kBlockOut = {1, SiteKind::kBlockOut};

TEST(TrainingParamsTest, ObjectivesTellWhatTheyNeed) {
  EXPECT_FALSE(NeedsLosing(SftParams{}));
  EXPECT_TRUE(NeedsLosing(SplitParams{}));
  EXPECT_FALSE(NeedsReference(SplitParams{}));
  EXPECT_TRUE(NeedsReference(SplitParams{.reference_weight = 1}));
  EXPECT_TRUE(NeedsReference(RepsParams{}));
  EXPECT_TRUE(NeedsReference(DpoParams{}));
  EXPECT_FALSE(NeedsReference(SimpoParams{}));
  EXPECT_FALSE(IsMeanOverPairs(SplitParams{}));
  EXPECT_TRUE(IsMeanOverPairs(SplitParams{.per_pair = true}));
}

TEST(TrainingParamsTest, AnObjectiveNamesWhatIsOutOfRange) {
  EXPECT_TRUE(Validate(Objective(SftParams{})).ok());
  EXPECT_THAT(Validate(Objective(SplitParams{.gamma = -1})).ToString(), HasSubstr("split.gamma"));
  EXPECT_THAT(Validate(Objective(SplitParams{.theta = NAN})).ToString(), HasSubstr("split.theta"));
  EXPECT_THAT(Validate(Objective(RepsParams{.beta = 0})).ToString(), HasSubstr("reps.beta"));
  EXPECT_THAT(Validate(Objective(DpoParams{.beta = -0.1})).ToString(), HasSubstr("dpo.beta"));
  EXPECT_THAT(Validate(Objective(SimpoParams{.margin = INFINITY})).ToString(),
              HasSubstr("simpo.margin"));
}

TEST(TrainingParamsTest, ARunNamesWhatIsOutOfRange) {
  EXPECT_TRUE(Validate(TrainingParams{}).ok());
  EXPECT_THAT(Validate(TrainingParams{.steps = 0}).ToString(), HasSubstr("steps"));
  EXPECT_THAT(Validate(TrainingParams{.steps = 20, .warm_up_steps = 20}).ToString(),
              HasSubstr("warm_up_steps"));
  for (const double rate : {0.0, 1e39, std::nan("")}) {
    EXPECT_THAT(Validate(TrainingParams{.learning_rate = rate}).ToString(),
                HasSubstr("learning_rate"))
        << rate;
  }
  EXPECT_THAT(Validate(TrainingParams{.clip = -1}).ToString(), HasSubstr("clip"));
  EXPECT_THAT(Validate(TrainingParams{.dropout = 1}).ToString(), HasSubstr("dropout"));
  EXPECT_THAT(Validate(TrainingParams{.schedule = {.batch = 0}}).ToString(), HasSubstr("batch"));
}

TEST(TrainingParamsTest, ACarrierNamesAPlaceThatCannotBe) {
  const auto reason = [](const CarrierSpec& spec) { return Validate(spec, kShape).ToString(); };
  EXPECT_EQ(reason({SignalKind::kLora, {{kBlockOut, Read::kMlpMid}}, 40}), "OK");
  EXPECT_THAT(reason({SignalKind::kNullOut, {{kBlockOut, {}}}}),
              HasSubstr("kind: got null_out, allowed: vector, lora, local_weight, bottleneck"));
  EXPECT_EQ(reason({SignalKind::kClamp, {{kBlockOut, {}}}, 1}), "OK");
  EXPECT_THAT(reason({SignalKind::kClamp, {{kBlockOut, {}}, {{2, SiteKind::kBlockOut}, {}}}, 1}),
              HasSubstr("sites: got 2, allowed: one for a clamp"));
  EXPECT_EQ(reason({SignalKind::kBottleneck, {{kBlockOut, {}}}, 8}), "OK");
  EXPECT_THAT(reason({SignalKind::kLowRankAffine, {{{1, SiteKind::kOProj}, {}}}}),
              HasSubstr("layers.1.o_proj"));
  EXPECT_THAT(reason({SignalKind::kVector, {}}), HasSubstr("sites"));
  EXPECT_THAT(reason({SignalKind::kVector, {{kBlockOut, {}}, {kBlockOut, {}}}}),
              HasSubstr("layers.1.block_out twice"));
  EXPECT_THAT(reason({SignalKind::kVector, {{{3, SiteKind::kBlockOut}, {}}}}),
              HasSubstr("layers.3.block_out"));
  EXPECT_THAT(reason({SignalKind::kLora, {{kBlockOut, Read::kSiteInput}}}), HasSubstr("read"));
  for (const int rank : {0, 41})
    EXPECT_THAT(reason({SignalKind::kLora, {{kBlockOut, Read::kMlpMid}}, rank}), HasSubstr("rank"));
}

TEST(TrainingParamsTest, ALowRankAffineHasNoComponentsToDrop) {
  const CarrierSpec affine = {SignalKind::kLowRankAffine, {{kBlockOut, {}}}};
  EXPECT_TRUE(CheckTrainable(affine, {}).ok());
  EXPECT_THAT(CheckTrainable(affine, {.dropout = 0.1}).ToString(), HasSubstr("dropout"));
  EXPECT_TRUE(CheckTrainable({SignalKind::kBottleneck, {{kBlockOut, {}}}}, {.dropout = 0.1}).ok());
}

TEST(TrainingParamsTest, OnlyAnAdapterBehindADownProjIsKeptApartFromIt) {
  const TrainingParams orthogonal = {.orthogonal = true};
  const Site down = {1, SiteKind::kDownProj};
  const CarrierSpec joint = {SignalKind::kLora, {{down, {}}, {kBlockOut, Read::kBlockOut}}};
  EXPECT_TRUE(CheckTrainable(joint, orthogonal).ok());
  for (const CarrierSpec& spec :
       {CarrierSpec{SignalKind::kLora, {{down, {}}, {kBlockOut, Read::kMlpMid}}},
        CarrierSpec{SignalKind::kLora, {{kBlockOut, Read::kBlockOut}}},
        CarrierSpec{SignalKind::kVector, {{kBlockOut, {}}}}})
    EXPECT_THAT(CheckTrainable(spec, orthogonal).ToString(), HasSubstr("orthogonal"));
}

TEST(TrainingParamsTest, RepsTakesVectorsOutUnlessItOnlyAdds) {
  TrainingParams params = {.objective = RepsParams{}};
  EXPECT_TRUE(NullsOut(params, SignalKind::kVector));
  EXPECT_FALSE(NullsOut(params, SignalKind::kLora));
  params.schedule.use = PairUse::kAdd;
  EXPECT_FALSE(NullsOut(params, SignalKind::kVector));
}

}  // namespace
}  // namespace steer
