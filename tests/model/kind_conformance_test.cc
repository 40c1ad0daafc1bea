// What every kind of signal keeps to, in the whole decoder.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "core/model/decoder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/loaded_model.h"

namespace steer {

struct KindCase {
  SignalKind kind = SignalKind::kVector;
  Nonlinearity phi = Nonlinearity::kIdentity;
};

std::string NameOf(const KindCase& of) {
  std::string name(Name(of.kind));
  return of.phi == Nonlinearity::kIdentity ? name : name + "_" + std::string(Name(of.phi));
}

void PrintTo(const KindCase& of, std::ostream* out) { *out << NameOf(of); }

namespace {

constexpr double kTolerance = 1e-4;  // f32, different order of sums

const DecoderHarness& Tiny() {
  static const DecoderHarness harness(LoadDecoder(RequiredEnv("STEER_TINY_MODEL")));
  return harness;
}

const ModelShape& Shape() {
  static const ModelShape shape = Tiny().decoder().config().shape();
  return shape;
}

std::vector<TokenId> Tokens(int count, int seed) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back((seed * 41 + i * i * 7 + i * 3) % 250 + 3);
  return tokens;
}

std::vector<KindCase> AllKinds() {
  std::vector<KindCase> all;
  for (int i = 0; i < kSignalKinds; ++i) all.push_back({static_cast<SignalKind>(i)});
  all.push_back({SignalKind::kBottleneck, Nonlinearity::kSilu});
  return all;
}

// What leaves a site, block_out or kv.
at::Tensor Out(const std::vector<Row>& rows, Site site) {
  Taps taps;
  taps[site] = at::Tensor();
  Tiny().Full(rows, &taps);
  return taps.begin()->second;
}

at::Tensor BlockOut(const std::vector<Row>& rows, int layer) {
  return Out(rows, {layer, SiteKind::kBlockOut});
}

class KindTest : public testing::TestWithParam<KindCase> {
 protected:
  SignalData Signal(Site site, double scale, uint64_t seed) const {
    SignalData data = RandomSignal(Shape(), GetParam().kind, site, scale, seed);
    data.nonlinearity = GetParam().phi;
    return data;
  }
  // Where a signal of any kind can stand, block_out but for one kind.
  Site Place(int layer) const { return PlaceOf(GetParam().kind, layer); }
  // Wherever it can stand.
  std::vector<Site> Sites() const {
    std::vector<Site> sites;
    for (int layer = 0; layer < Shape().layers; ++layer) {
      for (int kind = 0; kind < kSiteKinds; ++kind) {
        const Site site{layer, static_cast<SiteKind>(kind)};
        if (IsAffine(GetParam().kind) ? site.kind != SiteKind::kKv : site == Place(layer))
          sites.push_back(site);
      }
    }
    return sites;
  }
  // Rows that have little in common: plain, strong, weak on some tokens, and beside a vector.
  std::vector<Row> MixedBatch() const {
    const bool is_kv = GetParam().kind == SignalKind::kKv;
    const SignalData data = Signal(Place(1), is_kv ? 2 : 0.2, 7);
    const SignalData vector =
        RandomSignal(Shape(), SignalKind::kVector, {1, SiteKind::kBlockOut}, 0.5, 8);
    // A kv signal acts on the prompt only.
    const PositionRule rule = {.prompt = is_kv, .generated = !is_kv};
    std::vector<Row> rows = {
        {Tokens(9, 1)},
        {Tokens(13, 2), {Entry(data, 1.0)}, {.prompt_length = 6}},
        {Tokens(21, 4), {Entry(data, -0.5, -0.5, rule)}, {.prompt_length = 11}}};
    if (GetParam().kind != SignalKind::kVector)
      rows.push_back({Tokens(8, 5), {Entry(data, 0.7), Entry(vector, 1.0)}});
    return rows;
  }
};

TEST_P(KindTest, MultiplierZeroIsThePlainModelBitForBit) {
  for (const Site site : Sites()) {
    const SignalData data = Signal(site, 3.0, 17);
    const std::vector<Row> off = {{Tokens(7, 1), {Entry(data, 0.0)}},
                                  {Tokens(4, 2), {Entry(data, 1.0)}}};
    const std::vector<Row> none = {{Tokens(7, 1)}, {Tokens(4, 2), {Entry(data, 1.0)}}};
    EXPECT_TRUE(SameBits(Tiny().Full(off)[0], Tiny().Full(none)[0])) << ToString(site);
  }
}

TEST_P(KindTest, AnOverflowingSignalLeavesItsNeighbourUntouched) {
  const SignalData data = Signal(Place(0), 1e20, 5);
  const std::vector<Row> batch = {
      {Tokens(6, 1)}, {Tokens(6, 2), {Entry(data, 1e30)}}, {Tokens(3, 3)}};
  const std::vector<Row> plain = {{Tokens(6, 1)}, {Tokens(6, 2)}, {Tokens(3, 3)}};
  const std::vector<at::Tensor> with = Tiny().Full(batch), without = Tiny().Full(plain);
  EXPECT_FALSE(with[1].isfinite().all().item<bool>()) << "the test must overflow";
  EXPECT_TRUE(SameBits(with[0], without[0]));
  EXPECT_TRUE(SameBits(with[2], without[2]));
  EXPECT_LT(MaxDifference(Tiny().Cached(batch, 2)[0], without[0]), kTolerance);
}

// Proves an effect at every site and none upstream of it.
TEST_P(KindTest, EverySiteActsAtItsLayerAndNotBefore) {
  std::vector<at::Tensor> before;
  before.reserve(Shape().layers);
  for (int layer = 0; layer < Shape().layers; ++layer)
    before.push_back(BlockOut({{Tokens(6, 9)}}, layer));
  for (const Site site : Sites()) {
    const std::vector<Row> steered = {{Tokens(6, 9), {Entry(Signal(site, 1.0, 23), 1.0)}}};
    for (int layer = 0; layer <= site.layer; ++layer) {
      const double change = MaxDifference(BlockOut(steered, layer), before[layer]);
      if (layer < site.layer) {
        EXPECT_EQ(change, 0) << ToString(site) << " seen at layer " << layer;
      } else {
        EXPECT_GT(change, 1e-3) << ToString(site);
      }
    }
  }
}

TEST_P(KindTest, TheChangeAtASiteIsLinearInTheMultiplier) {
  const SignalData data = Signal(Place(1), 0.3, 31);
  const auto at = [&](double m) { return Out({{Tokens(6, 9), {Entry(data, m)}}}, Place(1)); };
  const at::Tensor plain = at(0);
  EXPECT_LT(MaxDifference(at(2.0) - plain, 2 * (at(1.0) - plain)), 1e-4);
  EXPECT_LT(MaxDifference(at(-1.0) - plain, plain - at(1.0)), 1e-4);
}

TEST_P(KindTest, OnlyTheSelectedRowsChange) {
  // So strong that a null-out's b makes every row point along its direction.
  const SignalData data = Signal(Place(1), 50, 41);
  const PromptLayout layout{.prompt_length = 6, .head_length = 2};
  const PositionRule rule{.generated = false, .exclude_template_head = true};
  const ControlSet controls = {Entry(data, 1.0, 1.0, rule)};
  const at::Tensor plain = Out({{Tokens(10, 3), {}, layout}}, Place(1));
  const at::Tensor steered = Out({{Tokens(10, 3), controls, layout}}, Place(1));
  std::vector<int> changed;
  for (int i = 0; i < 10; ++i) {
    if (!SameBits(plain[i], steered[i])) changed.push_back(i);
  }
  // A kv signal acts once, on the last of them.
  const bool is_kv = GetParam().kind == SignalKind::kKv;
  EXPECT_EQ(changed, is_kv ? std::vector<int>{4} : (std::vector<int>{2, 3, 4}));
}

TEST_P(KindTest, CachedEqualsRecomputedForEveryChunking) {
  const std::vector<Row> batch = MixedBatch();
  const std::vector<at::Tensor> full = Tiny().Full(batch);
  for (const int chunk : {1, 3, 64}) {
    const std::vector<at::Tensor> cached = Tiny().Cached(batch, chunk);
    for (size_t i = 0; i < batch.size(); ++i) {
      EXPECT_LT(MaxDifference(full[i], cached[i]), kTolerance)
          << "row " << i << ", chunk " << chunk;
    }
  }
}

TEST_P(KindTest, ARowAmongOthersIsWhatItIsAlone) {
  const std::vector<Row> batch = MixedBatch();
  const std::vector<at::Tensor> together = Tiny().Full(batch);
  std::vector<Row> plain = batch;
  for (Row& row : plain) row.controls.clear();
  const std::vector<at::Tensor> unsteered = Tiny().Full(plain);
  EXPECT_TRUE(SameBits(together[0], unsteered[0]));
  for (size_t i = 0; i < batch.size(); ++i) {
    EXPECT_LT(MaxDifference(together[i], Tiny().Full({batch[i]})[0]), kTolerance) << "row " << i;
    if (i > 0) {
      EXPECT_GT(MaxDifference(together[i], unsteered[i]), 0.01) << "row " << i;
    }
  }
}

// Kinds act in their own order, however a request lists them; of one order, as it lists them.
TEST_P(KindTest, TheOrderAtASiteIsThatOfTheKinds) {
  const Site site = Place(1);
  const ControlEntry own = Entry(Signal(site, 0.3, 51), 1.0);
  for (const KindCase& other : AllKinds()) {
    if (PlaceOf(other.kind, 1) != site) continue;  // they never meet
    SignalData data = RandomSignal(Shape(), other.kind, site, 0.3, 61);
    data.nonlinearity = other.phi;
    const ControlEntry entry = Entry(data, 1.0);
    const at::Tensor one = Out({{Tokens(6, 1), {own, entry}}}, site);
    const at::Tensor two = Out({{Tokens(6, 1), {entry, own}}}, site);
    const int mine = OrderOf(own.signal->terms()[0]), others = OrderOf(entry.signal->terms()[0]);
    if (mine != others) {
      EXPECT_TRUE(SameBits(one, two)) << "beside " << NameOf(other);
    } else if (mine == 0) {
      EXPECT_LT(MaxDifference(one, two), kTolerance) << "beside " << NameOf(other);
    } else {
      EXPECT_GT(MaxDifference(one, two), 1e-3) << "beside " << NameOf(other);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, KindTest, testing::ValuesIn(AllKinds()),
                         [](const auto& info) { return NameOf(info.param); });

TEST(KindOrderTest, AClampHoldsWhateverStandsBesideIt) {
  const Site site{1, SiteKind::kBlockOut};
  const SignalData clamp = RandomSignal(Shape(), SignalKind::kClamp, site, 0.5, 3);
  ControlSet controls = {Entry(clamp, 1.0)};
  for (const SignalKind kind : {SignalKind::kVector, SignalKind::kLora, SignalKind::kBottleneck,
                                SignalKind::kFeatureShift, SignalKind::kLowRankAffine})
    controls.push_back(Entry(RandomSignal(Shape(), kind, site, 0.3, 4), 1.0));
  const auto& term = std::get<ClampTerm>(controls[0].signal->terms()[0].change);
  const at::Tensor coordinates = at::linear(BlockOut({{Tokens(6, 1), controls}}, 1), term.w);
  EXPECT_LT(MaxDifference(coordinates, term.a.expand_as(coordinates)), 1e-5);
}

}  // namespace
}  // namespace steer
