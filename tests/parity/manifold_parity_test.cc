// The manifold view against a plain loop of transformers and numpy's singular vectors
// (make_manifold_goldens.py), from raw text to numbers, on the default model in f32.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "tests/parity/parity_engine.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

constexpr double kRelative = 1e-3;

class ManifoldParityTest : public RuntimeFixture {
 protected:
  void SetUp() override {
    RuntimeFixture::SetUp();
    runtime_.reset();
    options_.model_path = RequiredEnv("STEER_TEST_MODEL");
    options_.kv_cache_mib = 64;
    Start();
    std::ifstream in(STEER_TEST_DATA "/manifold_goldens.json");
    goldens_ = nlohmann::json::parse(in);
  }
  void TearDown() override {
    std::printf("largest relative difference: %.3g\n", worst_);
    RuntimeFixture::TearDown();
  }

  void Expect(double value, const nlohmann::json& golden, const std::string& what) {
    const double expected = golden;
    worst_ = std::max(worst_, std::abs(value - expected) / std::max(std::abs(expected), 1e-6));
    EXPECT_NEAR(value, expected, kRelative * std::abs(expected)) << what;
  }
  void Expect(const Spread& spread, const nlohmann::json& golden, const std::string& what) {
    Expect(spread.mean, golden[0], what + ", mean");
    Expect(spread.low, golden[1], what + ", low");
    Expect(spread.median, golden[2], what + ", median");
    Expect(spread.high, golden[3], what + ", high");
  }
  void Expect(const ManifoldPoint& point, const nlohmann::json& golden, std::string what) {
    what += " at " + std::to_string(point.multiplier);
    EXPECT_EQ(point.multiplier, golden["multiplier"]);
    Expect(point.norm_ratio, golden["norm_ratio"], what + ": norm");
    Expect(point.distance, golden["distance"], what + ": distance");
    Expect(point.distance_ratio, golden["distance_ratio"], what + ": distance ratio");
    Expect(point.change, golden["change"], what + ": change");
    ASSERT_EQ(point.change_inside.has_value(), !golden["change_inside"].is_null());
    if (point.change_inside)
      Expect(*point.change_inside, golden["change_inside"], what + ": inside");
  }

  // The request that a golden view answers.
  ManifoldSpec SpecOf(const nlohmann::json& view, const std::string& signal) const {
    ManifoldSpec spec;
    spec.questions = goldens_["questions"].get<std::vector<std::string>>();
    spec.control.signal = signal;
    // The goldens leave the head alone: what is steered there would be felt in later blocks.
    spec.control.positions = view["positions"] == "generated"
                                 ? PositionRule{.prompt = false}
                                 : PositionRule{.exclude_template_head = true};
    spec.site = Site{view["layer"], SiteKind::kBlockOut};
    if (view.contains("components")) spec.size.components = view["components"].get<int>();
    if (view.contains("explained_share")) spec.size.explained_share = view["explained_share"];
    for (const nlohmann::json& point : view["points"])
      spec.multipliers.push_back(point["multiplier"]);
    return spec;
  }

  nlohmann::json goldens_;
  double worst_ = 0;
};

TEST_F(ManifoldParityTest, EveryNumberIsWhatThePlainLoopSays) {
  SignalData data;
  data.updates.push_back(
      {Site{goldens_["signal_layer"], SiteKind::kBlockOut}, Read::kSiteInput, {}});
  data.updates[0].tensors["v"] = Goldens("sweep_signals.safetensors").Tensor("default.v");
  data.marks = runtime_->model().marks;
  const std::string id = MustRegister(data);
  for (const nlohmann::json& view : goldens_["views"]) {
    const std::string what =
        view["positions"].get<std::string>() + ", layer " + view["layer"].dump();
    std::vector<ManifoldPoint> points;
    const auto summary =
        runtime_->ViewManifold(SpecOf(view, id), [] { return false; },
                               {.on_point =
                                    [&](const ManifoldPoint& point) {
                                      points.push_back(point);
                                      return true;
                                    },
                                .on_progress = [](int64_t, int64_t) { return true; }});
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->tokens, view["tokens"]) << what;
    EXPECT_EQ(summary->size.components, view["count"]) << what;
    Expect(summary->size.explained_share, view["explained"], what + ": explained");
    Expect(summary->plain_norm, view["plain_norm"], what + ": plain norm");
    Expect(summary->plain_distance, view["plain_distance"], what + ": plain distance");
    ASSERT_EQ(points.size(), view["points"].size());
    for (size_t i = 0; i < points.size(); ++i) Expect(points[i], view["points"][i], what);
  }
}

}  // namespace
}  // namespace steer
