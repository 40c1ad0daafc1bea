// The kinds that read what they change against forward hooks of transformers
// (make_kind_goldens.py), in f32 on the default model.

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/parity/parity_engine.h"

namespace steer {
namespace {

constexpr int kPrompts = 2, kEveryToken = 32, kAllBlock = 15;

// As CASES there.
struct Case {
  const char* name;
  SignalKind kind;
  int block;
  double m;
  std::vector<std::string> tensors;
};

const std::vector<Case>& Cases() {
  static const std::vector<Case> cases = {
      {"vector", SignalKind::kVector, 14, 1.5, {"v"}},
      {"bottleneck", SignalKind::kBottleneck, 5, 0.75, {"D", "U", "e", "b"}},
      {"silu", SignalKind::kBottleneck, 9, -1.25, {"D", "U"}},
      {"feature_shift",
       SignalKind::kFeatureShift,
       20,
       1.5,
       {"W_enc", "b_enc", "W_dec", "W_a", "b_a", "tau", "threshold"}},
      {"low_rank_affine", SignalKind::kLowRankAffine, 12, 0.5, {"R", "W", "b"}},
      {"clamp", SignalKind::kClamp, 17, 1, {"W", "a"}},
      {"null_out", SignalKind::kNullOut, 24, 1, {"w", "b"}}};
  return cases;
}

class KindParityTest : public testing::Test {
 protected:
  ControlEntry Signal(const Case& of, int block) const {
    SignalData data;
    data.kind = of.kind;
    if (std::string(of.name) == "silu") data.nonlinearity = Nonlinearity::kSilu;
    SiteUpdate& update = data.updates.emplace_back();
    update.site = {block, SiteKind::kBlockOut};
    for (const std::string& name : of.tensors)
      update.tensors[name] = goldens_.Tensor(absl::StrCat(of.name, ".", name));
    const absl::Status valid = Validate(data, decoder_->config().shape());
    EXPECT_TRUE(valid.ok()) << valid;
    return Entry(data, of.m);
  }

  // Whose last logits should be those of the case "<prompt>.<name>".
  std::map<std::string, Row> Rows() const {
    std::map<std::string, Row> rows;
    for (int prompt = 0; prompt < kPrompts; ++prompt) {
      const auto tokens = goldens_.Get<TokenId>(absl::StrCat(prompt, ".prompt"));
      Row& all = rows[absl::StrCat(prompt, ".all")];
      all.tokens = tokens;
      for (const Case& of : Cases()) {
        rows[absl::StrCat(prompt, ".", of.name)] = {tokens, {Signal(of, of.block)}};
        all.controls.push_back(Signal(of, kAllBlock));
      }
      // However a request lists them, kinds act in their own order; those of one order as listed.
      std::rotate(all.controls.begin(), all.controls.begin() + 4, all.controls.end());
    }
    return rows;
  }

  const Goldens goldens_{"kind_goldens.safetensors"};
  const std::shared_ptr<const Decoder> decoder_ = LoadDecoder(RequiredEnv("STEER_TEST_MODEL"));
};

TEST_F(KindParityTest, SignalsEqualHooks) {
  std::vector<std::string> names;
  std::vector<Row> rows;
  for (auto& [name, row] : Rows()) {
    names.push_back(name);
    rows.push_back(std::move(row));
  }
  const std::vector<at::Tensor> together = DecoderHarness(decoder_).Full(rows);
  double worst = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const at::Tensor last =
        together[i][static_cast<int64_t>(rows[i].tokens.size()) - 1].contiguous();
    const HostTensor expected = goldens_.Tensor(names[i] + ".logits");
    for (size_t t = 0; t < expected.floats().size(); ++t) {
      worst = std::max(
          worst, std::abs(double{last.data_ptr<float>()[kEveryToken * t]} - expected.floats()[t]));
    }
    worst = std::max(worst, std::abs(last.logsumexp(0).item<double>() -
                                     goldens_.Tensor(names[i] + ".log_sum_exp").floats()[0]));
    EXPECT_LT(worst, 2e-3) << names[i];
  }
  std::printf("largest difference of a steered logit: %.3g\n", worst);
}

}  // namespace
}  // namespace steer
