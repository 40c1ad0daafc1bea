#include "core/signal/site.h"

#include <vector>

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

constexpr Read kReads[] = {Read::kSiteInput, Read::kBlockIn, Read::kAttnIn, Read::kMlpIn,
                           Read::kMlpMid};

TEST(SiteTest, EveryKindRoundTrips) {
  for (int kind = 0; kind < kSiteKinds; ++kind) {
    for (const int layer : {0, 1, 9, 10, 29, 127, 999999}) {
      const Site site{layer, static_cast<SiteKind>(kind)};
      const absl::StatusOr<Site> parsed = ParseSite(ToString(site), "site");
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      EXPECT_EQ(*parsed, site);
    }
  }
}

TEST(SiteTest, SpellingsAreTheContract) {
  EXPECT_EQ(ToString({20, SiteKind::kDownProj}), "layers.20.down_proj");
  EXPECT_EQ(ToString({0, SiteKind::kBlockOut}), "layers.0.block_out");
  EXPECT_EQ(ToString({3, SiteKind::kQProj}), "layers.3.q_proj");
  EXPECT_EQ(ToString({3, SiteKind::kKProj}), "layers.3.k_proj");
  EXPECT_EQ(ToString({3, SiteKind::kVProj}), "layers.3.v_proj");
  EXPECT_EQ(ToString({3, SiteKind::kOProj}), "layers.3.o_proj");
  EXPECT_EQ(ToString({3, SiteKind::kGateProj}), "layers.3.gate_proj");
  EXPECT_EQ(ToString({3, SiteKind::kUpProj}), "layers.3.up_proj");
}

TEST(SiteTest, EverythingElseIsRefusedByName) {
  const std::vector<std::string> bad = {"",
                                        "layers",
                                        "layers.",
                                        "layers.1",
                                        "layers.1.",
                                        "layers..q_proj",
                                        "layers.01.q_proj",
                                        "layers.-1.q_proj",
                                        "layers.+1.q_proj",
                                        "layers. 1.q_proj",
                                        "layers.1 .q_proj",
                                        "layers.1.q_proj ",
                                        " layers.1.q_proj",
                                        "layers.1.Q_proj",
                                        "layers.1.kv_cache",
                                        "layers.1.q_proj.v",
                                        "layer.1.q_proj",
                                        "layers.1000000.q_proj",
                                        "layers.99999999999999999999.q_proj",
                                        "layers.1e1.q_proj",
                                        std::string("layers.1.q_proj\0", 16)};
  for (const std::string& text : bad) {
    const absl::StatusOr<Site> parsed = ParseSite(text, "updates[2].site");
    ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
    const auto detail = DetailOf(parsed.status());
    ASSERT_TRUE(detail.has_value());
    EXPECT_EQ(detail->field, "updates[2].site");
    EXPECT_THAT(detail->allowed, HasSubstr("down_proj, block_out"));
  }
}

TEST(SiteTest, LongAndBinaryTextIsShownShortAndPlain) {
  const absl::Status status = ParseSite(std::string(100000, '\xff'), "site").status();
  EXPECT_LT(status.message().size(), 1000U);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\\xff"));
}

TEST(SiteTest, ReadsRoundTripAndErrorsAreNamed) {
  for (const Read read : kReads) {
    const absl::StatusOr<Read> parsed = ParseRead(Name(read), "read");
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, read);
  }
  EXPECT_EQ(Name(Read::kSiteInput), "input");
  EXPECT_EQ(Name(Read::kMlpMid), "mlp_mid");
  const absl::Status status = ParseRead("mlp_out", "reads").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("reads: got 'mlp_out', allowed: input, "));
}

TEST(SiteTest, OrderIsByLayerThenPlace) {
  EXPECT_LT((Site{1, SiteKind::kBlockOut}), (Site{2, SiteKind::kQProj}));
  EXPECT_LT((Site{1, SiteKind::kQProj}), (Site{1, SiteKind::kBlockOut}));
}

TEST(ModelShapeTest, WidthsOfEveryPlace) {
  // Grouped heads: q is wider than k and v, and none equals the residual width.
  const ModelShape shape{.layers = 2, .hidden = 8, .ffn = 20, .q_width = 12, .kv_width = 4};
  const auto dims = [&](SiteKind kind) {
    return std::pair(shape.Dims(kind).in, shape.Dims(kind).out);
  };
  EXPECT_EQ(dims(SiteKind::kQProj), std::pair(int64_t{8}, int64_t{12}));
  EXPECT_EQ(dims(SiteKind::kKProj), std::pair(int64_t{8}, int64_t{4}));
  EXPECT_EQ(dims(SiteKind::kVProj), std::pair(int64_t{8}, int64_t{4}));
  EXPECT_EQ(dims(SiteKind::kOProj), std::pair(int64_t{12}, int64_t{8}));
  EXPECT_EQ(dims(SiteKind::kGateProj), std::pair(int64_t{8}, int64_t{20}));
  EXPECT_EQ(dims(SiteKind::kUpProj), std::pair(int64_t{8}, int64_t{20}));
  EXPECT_EQ(dims(SiteKind::kDownProj), std::pair(int64_t{20}, int64_t{8}));
  EXPECT_EQ(dims(SiteKind::kBlockOut), std::pair(int64_t{0}, int64_t{8}));
  EXPECT_EQ(dims(SiteKind::kKv), std::pair(int64_t{0}, int64_t{4}));
  EXPECT_EQ(shape.ReadWidth(SiteKind::kOProj, Read::kSiteInput), 12);
  EXPECT_EQ(shape.ReadWidth(SiteKind::kDownProj, Read::kSiteInput), 20);
  EXPECT_EQ(shape.ReadWidth(SiteKind::kBlockOut, Read::kBlockIn), 8);
  EXPECT_EQ(shape.ReadWidth(SiteKind::kBlockOut, Read::kAttnIn), 8);
  EXPECT_EQ(shape.ReadWidth(SiteKind::kBlockOut, Read::kMlpIn), 8);
  EXPECT_EQ(shape.ReadWidth(SiteKind::kBlockOut, Read::kMlpMid), 20);
}

}  // namespace
}  // namespace steer
