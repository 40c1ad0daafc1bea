// Cache steering against transformers with an edited DynamicCache (make_kv_goldens.py), keys and
// values of all layers from 1 on, in f32 on small checkpoints; and the learner against what a hook
// and that cache show.

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/runtime/activation_reader.h"
#include "core/runtime/extraction_run.h"
#include "tests/parity/parity_engine.h"

namespace steer {
namespace {

constexpr int kPrompt = 37, kFirstLayer = 1;
constexpr double kMultiplier = 1.5;

class KvParityTest : public testing::TestWithParam<std::string> {
 protected:
  const Goldens goldens_{"kv_goldens.safetensors"};
  const std::shared_ptr<const Decoder> decoder_ = LoadDecoder(STEER_FAMILIES "/" + GetParam());
};

TEST_P(KvParityTest, AnEditedCacheGivesTheReferencesLogits) {
  SignalData data;
  data.kind = SignalKind::kKv;
  for (int layer = kFirstLayer; layer < decoder_->config().layers; ++layer) {
    SiteUpdate& update = data.updates.emplace_back();
    update.site = {layer, SiteKind::kKv};
    for (const char* name : {"S_k", "S_v"}) {
      update.tensors[name] =
          goldens_.Tensor(absl::StrCat(GetParam(), ".", ToString(update.site), ".", name));
    }
  }
  const absl::Status valid = Validate(data, decoder_->config().shape());
  ASSERT_TRUE(valid.ok()) << valid;
  const Row row = {goldens_.Get<TokenId>(GetParam() + ".tokens"),
                   {Entry(data, kMultiplier)},
                   {.prompt_length = kPrompt}};
  const std::vector<float> expected = goldens_.Get<float>(GetParam() + ".logits");
  const DecoderHarness harness(decoder_);
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

class NobodysJob final : public JobContext {
 public:
  const std::string& id() const override { return id_; }
  bool Progress(int /*done*/, int /*total*/) override { return true; }
  bool stopped() const override { return false; }
  bool interrupted() const override { return false; }
  void Trained(const TrainingProgress& /*progress*/) override {}

 private:
  const std::string id_;
};

TEST_P(KvParityTest, ALearntSignalIsTheReferencesMeanDifference) {
  constexpr double kKeyFactor = 0.5;
  constexpr int kPairs = 3, kQuestion = 8;
  const auto text = [&](int pair, const char* which) {
    ReadText read;
    read.text.tokens = goldens_.Get<TokenId>(absl::StrCat(GetParam(), ".", pair, ".", which));
    read.text.layout.prompt_length = kQuestion;
    const int count = static_cast<int>(read.text.tokens.size());
    read.read = {count - 1, count};
    return read;
  };
  std::vector<ReadPair> pairs;
  for (int i = 0; i < kPairs; ++i) pairs.push_back({text(i, "positive"), text(i, "negative")});
  ParityEngine engine(decoder_, /*step_tokens=*/64);
  NobodysJob job;
  const auto learnt = ExtractKv(
      MakeActivationReader(&engine.engine(), decoder_, SiteKind::kKv), pairs,
      {.method = KvDifferenceParams{.first_layer = kFirstLayer, .key_factor = kKeyFactor}},
      decoder_->config().shape(), job);
  ASSERT_TRUE(learnt.ok()) << learnt.status();
  const absl::Status valid = Validate(learnt->signal, decoder_->config().shape());
  EXPECT_TRUE(valid.ok()) << valid;
  ASSERT_EQ(learnt->signal.updates.size(), decoder_->config().layers - kFirstLayer);
  for (const SiteUpdate& update : learnt->signal.updates) {
    for (const auto& [name, tensor] : update.tensors) {
      const std::string key =
          absl::StrCat(GetParam(), ".learnt.", ToString(update.site), ".", name);
      const std::vector<float> expected = goldens_.Get<float>(key);
      const double factor = name == "S_k" ? kKeyFactor : 1;
      ASSERT_EQ(tensor.floats().size(), expected.size());
      for (size_t i = 0; i < expected.size(); ++i)
        ASSERT_NEAR(tensor.floats()[i], factor * expected[i], 1e-4) << key;
    }
    EXPECT_EQ(update.tensors.size(), 2U);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, KvParityTest,
                         testing::Values("llama", "qwen3", "gemma3", "smollm3", "phi3_partial"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace steer
