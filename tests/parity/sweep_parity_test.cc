// Score and Sweep against a plain loop of transformers over the same pairs (make_sweep_goldens.py),
// from raw text to odds, in f32: one forward for each text and multiplier there, everything shared
// here.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/parity/parity_engine.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

// Of a loss, per token.
constexpr double kPerToken = 1e-3;

// One pair under one case of controls: a line of the goldens. Indices are [answer][spelling], the
// positive answer and the given spelling first.
struct Line {
  explicit Line(const nlohmann::json& json)
      : pair{json["question"], json["positive"], json["negative"]},
        name(json["set"].get<std::string>() + " " + std::to_string(json["row"].get<int>())),
        multipliers(json["multipliers"]),
        tokens(json["tokens"]),
        log_probs(json["log_probs"]),
        chosen(json["chosen"]),
        given(json["given"]),
        both(json["both"]) {}

  PolarPair pair;
  std::string name;
  std::vector<double> multipliers;
  std::vector<std::vector<int>> tokens;
  std::vector<std::vector<std::vector<double>>> log_probs;  // and [multiplier]
  std::vector<int> chosen;                                  // by MEAN when there are two
  nlohmann::json given, both;  // [multiplier]["sum" or "mean"]: preference, utility or null
};

std::map<std::string, std::vector<Line>> ReadCases(const std::string& model) {
  std::map<std::string, std::vector<Line>> cases;
  std::ifstream in(STEER_TEST_DATA "/sweep_goldens.jsonl");
  for (std::string text; std::getline(in, text);) {
    const nlohmann::json json = nlohmann::json::parse(text);
    if (json["model"] == model) cases[json["case"]].emplace_back(json);
  }
  EXPECT_FALSE(cases.empty());
  return cases;
}

// What one answer should have cost, and the tokens over which the error may spread.
struct ExpectedLoss {
  double loss = 0;
  int tokens = 0;
};

class SweepParityTest : public RuntimeFixture {
 protected:
  void StartOn(const std::string& path) {
    runtime_.reset();
    options_.model_path = path;
    options_.kv_cache_mib = 64;
    Start();
  }
  void TearDown() override {
    std::printf("largest difference of a loss per token: %.3g\n", worst_);
    RuntimeFixture::TearDown();
  }

  std::string RegisterTensors(SignalKind kind, const Site& site,
                              const std::map<std::string, std::string>& golden_names) {
    SignalData data;
    data.kind = kind;
    data.updates.push_back({site, Read::kSiteInput, {}});
    for (const auto& [name, golden] : golden_names)
      data.updates[0].tensors[name] = signals_.Tensor(golden);
    data.marks = runtime_->model().marks;
    return MustRegister(data);
  }

  // Points of all given lines' pairs at the goldens' multipliers.
  std::vector<ScorePoint> Score(const std::vector<Line>& lines, PairSetSpec pairs,
                                const std::vector<ControlSpec>& controls) {
    ScoreSpec spec;
    static_cast<PairSetSpec&>(spec) = std::move(pairs);
    spec.controls = controls;
    spec.multipliers = lines.front().multipliers;
    std::vector<ScorePoint> points;
    const absl::Status status = runtime_->Score(spec, [] { return false; }, Collect(points));
    EXPECT_TRUE(status.ok()) << status;
    return points;
  }
  std::vector<ScorePoint> Sweep(const std::vector<double>& multipliers, PairSetSpec pairs,
                                const ControlSpec& control) {
    SweepSpec spec;
    static_cast<PairSetSpec&>(spec) = std::move(pairs);
    spec.control = control;
    spec.grid = multipliers;
    std::vector<ScorePoint> points;
    const auto curve = runtime_->Sweep(spec, [] { return false; }, Collect(points));
    EXPECT_TRUE(curve.ok()) << curve.status();
    return points;
  }
  static ScoreListener Collect(std::vector<ScorePoint>& points) {
    return {.on_point = [&points](ScorePoint point) {
      points.push_back(std::move(point));
      return true;
    }};
  }
  static PairSetSpec PairsOf(const std::vector<Line>& lines, bool both_spellings) {
    PairSetSpec spec;
    for (const Line& line : lines) spec.pairs.push_back(line.pair);
    spec.both_spellings = both_spellings;
    return spec;
  }

  void ExpectLoss(double loss, const ExpectedLoss& expected, const std::string& what) {
    const double per_token = std::abs(loss - expected.loss) / expected.tokens;
    worst_ = std::max(worst_, per_token);
    EXPECT_LE(per_token, kPerToken) << what << ": " << loss << " instead of " << expected.loss;
  }
  // `golden`: preference and utility, computed by the reference from its own losses.
  void ExpectOdds(const PairOdds& odds, const ExpectedLoss& positive, const ExpectedLoss& negative,
                  const nlohmann::json& golden, const std::string& what) {
    ExpectLoss(odds.positive_loss, positive, what + ", positive");
    ExpectLoss(odds.negative_loss, negative, what + ", negative");
    const double error = kPerToken * (positive.tokens + negative.tokens);
    EXPECT_NEAR(odds.preference, golden[0].get<double>(), error) << what;
    ASSERT_EQ(odds.utility.has_value(), !golden[1].is_null()) << what;
    if (!odds.utility) return;
    // d UtilOdds / da = 1 / (1 - e^a) = 1 + e^UtilOdds
    const double utility = golden[1];
    EXPECT_NEAR(*odds.utility, utility, error * (1 + std::exp(utility))) << what;
  }

  // Pairs whose answers count in one spelling, the goldens' number `spelling`.
  void ExpectOneSpelling(const std::vector<ScorePoint>& points, const std::vector<Line>& lines,
                         size_t spelling) {
    ASSERT_EQ(points.size(), lines.front().multipliers.size());
    for (size_t m = 0; m < points.size(); ++m) {
      ASSERT_EQ(points[m].pairs.size(), lines.size());
      for (size_t i = 0; i < lines.size(); ++i) {
        const Line& line = lines[i];
        const ScoredPair& scored = points[m].pairs[i];
        const std::string what = line.name + " at " + std::to_string(points[m].multiplier);
        const int tokens[] = {line.tokens[0][spelling], line.tokens[1][spelling]};
        ASSERT_EQ(scored.positive_tokens, tokens[0]) << what;
        ASSERT_EQ(scored.negative_tokens, tokens[1]) << what;
        EXPECT_FALSE(scored.positive_respelt || scored.negative_respelt) << what;
        EXPECT_TRUE(scored.prompt_is_prefix) << what;
        const double sums[] = {-line.log_probs[0][spelling][m], -line.log_probs[1][spelling][m]};
        if (spelling == 0) {
          ExpectOdds(scored.sum, {sums[0], tokens[0]}, {sums[1], tokens[1]}, line.given[m]["sum"],
                     what);
          ExpectOdds(scored.mean, {sums[0] / tokens[0], 1}, {sums[1] / tokens[1], 1},
                     line.given[m]["mean"], what);
        } else {
          ExpectLoss(scored.sum.positive_loss, {sums[0], tokens[0]}, what);
          ExpectLoss(scored.sum.negative_loss, {sums[1], tokens[1]}, what);
        }
      }
    }
  }

  // Both spellings. `points` may lack some of the goldens' multipliers.
  void ExpectBothSpellings(const std::vector<ScorePoint>& points, const std::vector<Line>& lines) {
    const std::vector<double>& all = lines.front().multipliers;
    for (const ScorePoint& point : points) {
      const size_t m = std::find(all.begin(), all.end(), point.multiplier) - all.begin();
      ASSERT_LT(m, all.size());
      ASSERT_EQ(point.pairs.size(), lines.size());
      for (size_t i = 0; i < lines.size(); ++i) {
        const Line& line = lines[i];
        const ScoredPair& scored = point.pairs[i];
        const std::string what = line.name + " in both spellings at " + std::to_string(all[m]);
        std::vector<ExpectedLoss> sum, mean;
        for (int answer = 0; answer < 2; ++answer) {
          const int chosen = line.chosen[answer];
          const int tokens = line.tokens[answer][chosen];
          const std::vector<std::vector<double>>& log_probs = line.log_probs[answer];
          sum.push_back({-std::log(std::exp(log_probs[0][m]) + std::exp(log_probs[1][m])), tokens});
          mean.push_back({-log_probs[chosen][m] / tokens, 1});
          EXPECT_EQ(answer == 0 ? scored.positive_tokens : scored.negative_tokens, tokens) << what;
          EXPECT_EQ(answer == 0 ? scored.positive_respelt : scored.negative_respelt, chosen != 0)
              << what;
        }
        ExpectOdds(scored.sum, sum[0], sum[1], line.both[m]["sum"], what);
        ExpectOdds(scored.mean, mean[0], mean[1], line.both[m]["mean"], what);
      }
    }
  }

  // What every model has to pass for every case of one signal.
  void ExpectCase(const std::vector<Line>& lines, const ControlSpec& control) {
    ExpectOneSpelling(Score(lines, PairsOf(lines, false), {control}), lines, 0);
    // Out of order, and without 0: spellings are chosen in the plain model all the same.
    std::vector<double> multipliers = lines.front().multipliers;
    multipliers.erase(std::remove(multipliers.begin(), multipliers.end(), 0), multipliers.end());
    std::reverse(multipliers.begin(), multipliers.end());
    const std::vector<ScorePoint> points = Sweep(multipliers, PairsOf(lines, true), control);
    EXPECT_EQ(points.size(), multipliers.size());
    ExpectBothSpellings(points, lines);
  }

  const Goldens signals_{"sweep_signals.safetensors"};
  double worst_ = 0;
};

const PositionRule kAll;
const PositionRule kAfterHead = {.exclude_template_head = true};
const PositionRule kGenerated = {.prompt = false};

class DefaultSweepParityTest : public SweepParityTest {
 protected:
  void SetUp() override {
    SweepParityTest::SetUp();
    StartOn(STEER_DEFAULT_FOLDER);
    ASSERT_TRUE(runtime_->model().has_chat_template);
    vector_ = RegisterTensors(SignalKind::kVector, {14, SiteKind::kBlockOut}, {{"v", "default.v"}});
    lora_ = RegisterTensors(SignalKind::kLora, {20, SiteKind::kDownProj},
                            {{"A", "default.A"}, {"B", "default.B"}});
  }
  ControlSpec Vector(const PositionRule& positions) const {
    return {.signal = vector_, .multiplier = 1, .positions = positions};
  }

  const std::map<std::string, std::vector<Line>> cases_ = ReadCases("default");
  std::string vector_;
  std::string lora_;
};

TEST_F(DefaultSweepParityTest, AVectorAtEveryChoiceOfPositions) {
  ExpectCase(cases_.at("vector"), Vector(kAll));
  ExpectCase(cases_.at("vector after_head"), Vector(kAfterHead));
  ExpectCase(cases_.at("vector generated"), Vector(kGenerated));
}

TEST_F(DefaultSweepParityTest, ALoraBesideAProjection) {
  ExpectCase(cases_.at("lora"), {.signal = lora_, .multiplier = 1, .positions = kAll});
}

TEST_F(DefaultSweepParityTest, TwoSignalsAtOnceEachWithItsOwnPositions) {
  const std::vector<Line>& lines = cases_.at("both");
  const std::vector<ControlSpec> controls = {
      Vector(kAfterHead), {.signal = lora_, .multiplier = -0.5, .positions = kGenerated}};
  ExpectOneSpelling(Score(lines, PairsOf(lines, false), controls), lines, 0);
  ExpectBothSpellings(Score(lines, PairsOf(lines, true), controls), lines);
}

TEST_F(DefaultSweepParityTest, TheOtherSpellingGivenAlone) {
  const std::vector<Line>& lines = cases_.at("vector generated");
  PairSetSpec pairs = PairsOf(lines, false);
  for (PolarPair& pair : pairs.pairs) {
    for (std::string* answer : {&pair.positive, &pair.negative})
      *answer = answer->front() == ' ' ? answer->substr(1) : " " + *answer;
  }
  ExpectOneSpelling(Score(lines, std::move(pairs), {Vector(kGenerated)}), lines, 1);
}

class GemmaSweepParityTest : public SweepParityTest {
 protected:
  void SetUp() override {
    SweepParityTest::SetUp();
    StartOn(STEER_GEMMA_MODEL);
    ASSERT_FALSE(runtime_->model().has_chat_template) << "a base model";
    vector_ = RegisterTensors(SignalKind::kVector, {9, SiteKind::kBlockOut}, {{"v", "gemma.v"}});
  }
  ControlSpec Vector(const PositionRule& positions) const {
    return {.signal = vector_, .multiplier = 1, .positions = positions};
  }

  const std::map<std::string, std::vector<Line>> cases_ = ReadCases("gemma");
  std::string vector_;
};

TEST_F(GemmaSweepParityTest, AVectorOnABaseModel) {
  ExpectCase(cases_.at("vector"), Vector(kAll));
  ExpectCase(cases_.at("vector generated"), Vector(kGenerated));
}

TEST_F(GemmaSweepParityTest, PairsAsTheyStandAndTheOtherSpelling) {
  const std::vector<Line>& lines = cases_.at("vector generated");
  PairSetSpec pairs = PairsOf(lines, false);
  pairs.raw = true;
  for (PolarPair& pair : pairs.pairs) {
    pair.question = "Question: " + pair.question + "\nAnswer:";
    for (std::string* answer : {&pair.positive, &pair.negative})
      if (answer->front() == ' ') answer->erase(0, 1);
  }
  ExpectOneSpelling(Score(lines, std::move(pairs), {Vector(kGenerated)}), lines, 1);
}

}  // namespace
}  // namespace steer
