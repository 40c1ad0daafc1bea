// Where signals enter, family by family: norms behind a block's halves, norms of heads and windows
// must not take a site away or move it.

#include "gtest/gtest.h"
#include "tests/support/loaded_model.h"

namespace steer {
namespace {

struct FamilySite {
  std::string family;
  SiteKind kind = SiteKind::kBlockOut;
};

const std::vector<std::string> kFamilies = {"llama",   "llama_linear", "llama3",      "mistral",
                                            "qwen2",   "qwen3",        "gemma2",      "gemma3",
                                            "smollm3", "phi3",         "phi3_partial"};

std::vector<FamilySite> EveryFamilyAndSite() {
  std::vector<FamilySite> all;
  all.reserve(kFamilies.size() * kSiteKinds);
  for (const std::string& family : kFamilies) {
    for (int kind = 0; kind < kSiteKinds; ++kind) {
      all.push_back({family, static_cast<SiteKind>(kind)});
    }
  }
  return all;
}

DecoderHarness Harness(const std::string& family) {
  return DecoderHarness(LoadDecoder(STEER_FAMILIES "/" + family));
}

// More than a window of 32.
std::vector<TokenId> Tokens() {
  std::vector<TokenId> tokens;
  for (int i = 0; i < 40; ++i) tokens.push_back((i * i * 11 + i * 5) % 380 + 3);
  return tokens;
}

// block_out of every layer under `controls`.
Taps TapsOf(const DecoderHarness& harness, const ControlSet& controls) {
  Taps taps;
  for (int layer = 0; layer < harness.decoder().config().layers; ++layer) {
    taps[Site{layer, SiteKind::kBlockOut}] = at::Tensor();
  }
  // What a kv signal does in the prompt has many tokens behind it to see it.
  harness.Full({{Tokens(), controls, {.prompt_length = 12}}}, &taps);
  return taps;
}

class FamilySiteTest : public testing::TestWithParam<FamilySite> {};

TEST_P(FamilySiteTest, ASignalActsAtItsLayerAndNotBefore) {
  const DecoderHarness harness = Harness(GetParam().family);
  const ModelShape shape = harness.decoder().config().shape();
  const Taps plain = TapsOf(harness, {});
  const std::vector<SignalKind> affine = {SignalKind::kVector, SignalKind::kLora,
                                          SignalKind::kLocalWeight};
  const bool is_kv = GetParam().kind == SiteKind::kKv;
  for (const SignalKind kind : is_kv ? std::vector{SignalKind::kKv} : affine) {
    for (int layer = 0; layer < shape.layers; ++layer) {
      const Site site{layer, GetParam().kind};
      const Taps steered = TapsOf(harness, {Entry(RandomSignal(shape, kind, site, 1.0, 23), 1.0)});
      // What all keys share moves all scores of a query alike, where no rotation tells them apart.
      const bool is_neutral = kind == SignalKind::kVector && site.kind == SiteKind::kKProj &&
                              harness.decoder().config().layer_configs[layer].rope < 0;
      for (const auto& [tap, values] : steered) {
        const double change = MaxDifference(values, plain.at(tap));
        if (tap.layer < layer) {
          EXPECT_EQ(change, 0) << Name(kind) << " at " << ToString(site) << ", " << ToString(tap);
        } else if (is_neutral) {
          EXPECT_LT(change, 1e-3) << ToString(site) << ", " << ToString(tap);
        } else {
          EXPECT_GT(change, 1e-3) << Name(kind) << " at " << ToString(site) << ", "
                                  << ToString(tap);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, FamilySiteTest, testing::ValuesIn(EveryFamilyAndSite()),
                         [](const auto& info) {
                           return info.param.family + "_" + std::string(Name(info.param.kind));
                         });

class FamilyBlockOutTest : public testing::TestWithParam<std::string> {};

// A vector at down_proj is the one at block_out where down_proj feeds the residual stream; behind
// it Gemma has a norm, which makes another vector of it.
TEST_P(FamilyBlockOutTest, AVectorAtDownProjIsTheOneAtBlockOutUnlessANormFollows) {
  const DecoderHarness harness = Harness(GetParam());
  const ModelConfig& config = harness.decoder().config();
  SignalData data =
      RandomSignal(config.shape(), SignalKind::kVector, {1, SiteKind::kBlockOut}, 0.5, 51);
  const at::Tensor at_block = harness.Full({{Tokens(), {Entry(data, 1.7)}}})[0];
  data.updates[0].site.kind = SiteKind::kDownProj;
  const at::Tensor at_down = harness.Full({{Tokens(), {Entry(data, 1.7)}}})[0];
  const bool is_gemma = GetParam().starts_with("gemma");
  EXPECT_EQ(config.post_norms, is_gemma);
  if (is_gemma) {
    EXPECT_GT(MaxDifference(at_block, at_down), 0.05);
  } else {
    EXPECT_LT(MaxDifference(at_block, at_down), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FamilyBlockOutTest, testing::ValuesIn(kFamilies),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace steer
