// Cache steering against transformers with an edited DynamicCache (make_kv_goldens.py), keys and
// values of all layers from 1 on, in f32 on small checkpoints.

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tests/parity/parity_engine.h"

namespace steer {
namespace {

constexpr int kPrompt = 37, kFirstLayer = 1;
constexpr double kMultiplier = 1.5;

class KvParityTest : public testing::TestWithParam<std::string> {};

TEST_P(KvParityTest, AnEditedCacheGivesTheReferencesLogits) {
  const std::shared_ptr<const Decoder> decoder = LoadDecoder(STEER_FAMILIES "/" + GetParam());
  ASSERT_NE(decoder, nullptr);
  const Goldens goldens("kv_goldens.safetensors");
  SignalData data;
  data.kind = SignalKind::kKv;
  for (int layer = kFirstLayer; layer < decoder->config().layers; ++layer) {
    SiteUpdate& update = data.updates.emplace_back();
    update.site = {layer, SiteKind::kKv};
    for (const char* name : {"S_k", "S_v"}) {
      update.tensors[name] =
          goldens.Tensor(absl::StrCat(GetParam(), ".", ToString(update.site), ".", name));
    }
  }
  const absl::Status valid = Validate(data, decoder->config().shape());
  ASSERT_TRUE(valid.ok()) << valid;
  const Row row = {goldens.Get<TokenId>(GetParam() + ".tokens"),
                   {Entry(data, kMultiplier)},
                   {.prompt_length = kPrompt}};
  const std::vector<float> expected = goldens.Get<float>(GetParam() + ".logits");
  const DecoderHarness harness(decoder);
  for (const at::Tensor& logits :
       {harness.Full({row})[0], harness.Cached({row}, 3)[0], harness.Cached({row}, 64)[0]}) {
    // From the prompt's last token on; the last token of all predicts nothing that is kept.
    const at::Tensor got =
        logits.narrow(0, kPrompt - 1, logits.size(0) - kPrompt).contiguous().view(-1);
    ASSERT_EQ(static_cast<size_t>(got.numel()), expected.size());
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i)
      worst = std::max(worst, std::abs(double{got.data_ptr<float>()[i]} - expected[i]));
    EXPECT_LT(worst, 1e-4);
    std::printf("%s: largest difference of a logit: %.3g\n", GetParam().c_str(), worst);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, KvParityTest,
                         testing::Values("llama", "qwen3", "gemma3", "smollm3", "phi3_partial"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace steer
