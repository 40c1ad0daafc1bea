// Training runs of 20 steps against torch over transformers (make_training_goldens.py): the same
// texts, starts, order and factors, in f32.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "core/learn/trainer.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/parity/parity_engine.h"

namespace steer {
namespace {

// Of a loss, in nats per token; of an objective, which adds up multiples of them, relative. Another
// CPU than the one that made the goldens sums in another order, and AdamW makes whole steps of what
// differs: 2.3e-4 has been seen.
constexpr double kLoss = 3e-4;
// Of a gradient's norm, relative.
constexpr double kNorm = 1e-2;

std::vector<nlohmann::json> ReadRuns() {
  std::vector<nlohmann::json> runs;
  std::ifstream in(STEER_TEST_DATA "/training_goldens.jsonl");
  for (std::string text; std::getline(in, text);) runs.push_back(nlohmann::json::parse(text));
  EXPECT_FALSE(runs.empty());
  return runs;
}

ForcedText ToText(const nlohmann::json& json) {
  ForcedText text;
  text.tokens = json["tokens"].get<std::vector<TokenId>>();
  text.layout.prompt_length = json["prompt_length"];
  text.layout.head_length = json["head_length"];
  return text;
}

Objective ToObjective(const nlohmann::json& settings) {
  const std::string name = settings["objective"];
  if (name == "sft") return SftParams{};
  if (name == "split") {
    return SplitParams{.lambda_p = settings["lambda_p"],
                       .lambda_n = settings["lambda_n"],
                       .gamma = settings["gamma"],
                       .theta = settings["theta"]};
  }
  if (name == "reps") return RepsParams{.beta = settings["beta"], .kappa = settings["kappa"]};
  EXPECT_EQ(name, "dpo");
  return DpoParams{.beta = settings["beta"]};
}

class TrainingParityTest : public testing::Test {
 protected:
  // The start as the reference drew it; what is not in the file began as zeros.
  SignalData Start(const nlohmann::json& run) const {
    const std::string kind = run["settings"]["kind"];
    const std::vector<float> none;
    SignalData signal;
    SiteUpdate& update = signal.updates.emplace_back();
    update.site = {run["settings"]["layer"], SiteKind::kBlockOut};
    const auto start = [&](const char* name) {
      return starts_.Tensor(run["case"].get<std::string>() + "." + name);
    };
    const auto zeros = [](std::vector<int64_t> shape) {
      const std::vector<float> values(*ElementCount(shape), 0);
      return HostTensor::FromFloats(std::move(shape), values);
    };
    const ModelShape shape = decoder_->config().shape();
    if (kind == "vector") {
      signal.kind = SignalKind::kVector;
      update.tensors["v"] = start("v");
      return signal;
    }
    update.read = Read::kMlpMid;
    signal.kind = kind == "lora" ? SignalKind::kLora : SignalKind::kLocalWeight;
    if (kind == "lora") {
      update.tensors["A"] = start("A");
      update.tensors["B"] = zeros({shape.hidden, run["settings"]["rank"]});
    } else {
      update.tensors["dW"] = zeros({shape.hidden, shape.ffn});
      update.tensors["db"] = zeros({shape.hidden});
    }
    return signal;
  }

  std::unique_ptr<Trainer> NewTrainer(const nlohmann::json& run) const {
    const nlohmann::json& settings = run["settings"];
    std::vector<ContrastPair> pairs;
    for (const nlohmann::json& pair : run["pairs"])
      pairs.push_back({ToText(pair[0]), ToText(pair[1])});
    TrainingParams params;
    params.objective = ToObjective(settings);
    params.positions.exclude_template_head = settings["kind"] == "vector";
    params.steps = settings["steps"];
    params.learning_rate = settings["learning_rate"];
    params.clip = settings["clip"];
    auto trainer = Trainer::Create(
        {.decoder = decoder_,
         .run_unit = [](const std::function<absl::Status()>& unit) { return unit(); },
         .unit_rows = [] { return 1024; }},
        Carrier::Of(Start(run), at::kCPU), std::move(pairs), std::move(params));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  static TrainingStep ToStep(const nlohmann::json& json) {
    Minibatch minibatch;
    for (const nlohmann::json& row : json) minibatch.push_back({row[0], row[1], row[2], row[3]});
    return {minibatch};
  }

  const Goldens starts_{"training_starts.safetensors"};
  const std::shared_ptr<const Decoder> decoder_ = LoadDecoder(RequiredEnv("STEER_TEST_MODEL"));
};

TEST_F(TrainingParityTest, ARunIsTheReferencesRun) {
  for (const nlohmann::json& run : ReadRuns()) {
    const auto trainer = NewTrainer(run);
    double worst = 0, worst_norm = 0;
    for (size_t i = 0; i < run["steps"].size(); ++i) {
      const nlohmann::json& golden = run["steps"][i];  // objective, norm, winning, losing
      const absl::StatusOr<StepReport> report = trainer->Step(ToStep(run["schedule"][i]));
      ASSERT_TRUE(report.ok()) << report.status();
      const auto check = [&](const char* name, double actual, double expected, double scale = 1) {
        EXPECT_NEAR(actual, expected, kLoss * scale)
            << run["case"] << ", step " << i << ": " << name;
        worst = std::max(worst, std::abs(actual - expected));
      };
      const double objective = golden[0];
      check("objective", report->loss, objective, std::max(1.0, objective));
      check("winning loss", report->winning_loss, golden[2]);
      ASSERT_EQ(report->losing_loss.has_value(), golden.size() > 3) << run["case"];
      if (report->losing_loss) check("losing loss", *report->losing_loss, golden[3]);
      const double norm = golden[1];
      EXPECT_NEAR(report->gradient_norm, norm, kNorm * norm + 1e-5)
          << run["case"] << ", step " << i;
      worst_norm = std::max(worst_norm, std::abs(report->gradient_norm - norm) / (norm + 1e-9));
    }
    std::printf("%s: losses apart by at most %.2g, gradient norms by %.2g of them\n",
                run["case"].get<std::string>().c_str(), worst, worst_norm);
  }
}

}  // namespace
}  // namespace steer
