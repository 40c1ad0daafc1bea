// The manifold view against the same numbers made by hand: activations from full passes of each
// prompt, principal components from a singular value decomposition.
#include "core/runtime/manifold_viewer.h"

#include <cmath>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/runtime_fixture.h"
#include "tests/support/loaded_model.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

class ManifoldViewerTest : public RuntimeFixture {
 protected:
  ManifoldSpec SpecOf(const std::string& signal, std::vector<double> multipliers) const {
    ManifoldSpec spec;
    for (int i = 0; i < 6; ++i) {
      spec.questions.push_back("the user asks " + std::to_string(i * 7919 % 1000) +
                               " hello another one in line " + std::string(i, 'x'));
    }
    spec.raw = true;
    spec.control.signal = signal;
    spec.multipliers = std::move(multipliers);
    spec.size.components = 5;
    return spec;
  }

  struct View {
    absl::StatusOr<ManifoldSummary> summary = absl::UnknownError("not asked");
    std::vector<ManifoldPoint> points;
    int64_t last_done = 0, last_total = 0;
  };
  View Ask(const ManifoldSpec& spec, bool cancelled = false) {
    View view;
    view.summary = runtime_->ViewManifold(spec, [cancelled] { return cancelled; },
                                          {.on_point =
                                               [&](const ManifoldPoint& point) {
                                                 view.points.push_back(point);
                                                 return true;
                                               },
                                           .on_progress =
                                               [&](int64_t done, int64_t total) {
                                                 view.last_done = done;
                                                 view.last_total = total;
                                                 return true;
                                               }});
    return view;
  }
  ErrorDetail Refused(const ManifoldSpec& spec, absl::StatusCode code) {
    const View view = Ask(spec);
    EXPECT_EQ(view.summary.status().code(), code) << view.summary.status();
    EXPECT_TRUE(view.points.empty());
    return DetailOf(view.summary.status()).value_or(ErrorDetail{});
  }

  // What leaves block `layer` under the signal, at all positions of raw prompts but the first.
  at::Tensor Activations(const ManifoldSpec& spec, const SignalData& data, double m, int layer) {
    std::vector<at::Tensor> all;
    const DecoderHarness harness(LoadDecoder(options_.model_path));
    for (const std::string& question : spec.questions) {
      PromptSpec prompt;
      prompt.text = question;
      const auto tokens = runtime_->Tokenize(prompt);
      EXPECT_TRUE(tokens.ok());
      Taps taps;
      taps[Site{layer, SiteKind::kBlockOut}] = at::Tensor();
      harness.Full({{tokens->tokens, {Entry(data, m)}}}, &taps);
      const at::Tensor h = taps.begin()->second;
      all.push_back(h.narrow(0, 1, h.size(0) - 1).to(at::kDouble));
    }
    return at::cat(all);
  }

  // Every number of a view, by hand.
  void Expect(const View& view, const ManifoldSpec& spec, const SignalData& data, int layer) {
    ASSERT_TRUE(view.summary.ok()) << view.summary.status();
    const at::Tensor plain = Activations(spec, data, 0, layer);
    EXPECT_EQ(view.summary->tokens, plain.size(0));
    EXPECT_EQ(ToString(view.summary->site), ToString(Site{layer, SiteKind::kBlockOut}));
    const at::Tensor mean = plain.mean(0);
    const auto [u, sigma, vh] = at::linalg_svd(plain - mean, /*full_matrices=*/false);
    const int64_t k = *spec.size.components;
    const at::Tensor basis = vh.narrow(0, 0, k).t();
    const at::Tensor variances = sigma.square();
    EXPECT_NEAR(view.summary->size.explained_share,
                (variances.narrow(0, 0, k).sum() / variances.sum()).item<double>(), 1e-6);
    const auto distance = [&](const at::Tensor& h) {
      const at::Tensor x = h - mean;
      return (x - x.matmul(basis).matmul(basis.t())).norm(2, 1);
    };
    const double plain_distance = distance(plain).mean().item<double>();
    EXPECT_NEAR(view.summary->plain_distance, plain_distance, 1e-5 * plain_distance);
    EXPECT_NEAR(view.summary->plain_norm, plain.norm(2, 1).mean().item<double>(), 1e-4);
    ASSERT_EQ(view.points.size(), spec.multipliers.size());
    for (size_t i = 0; i < view.points.size(); ++i) {
      const ManifoldPoint& point = view.points[i];
      EXPECT_EQ(point.multiplier, spec.multipliers[i]);
      const at::Tensor h = Activations(spec, data, point.multiplier, layer);
      const at::Tensor ratio = h.norm(2, 1) / plain.norm(2, 1);
      EXPECT_NEAR(point.norm_ratio.mean, ratio.mean().item<double>(), 1e-5);
      EXPECT_NEAR(point.norm_ratio.median, ratio.quantile(0.5).item<double>(), 1e-5);
      EXPECT_NEAR(point.norm_ratio.high, ratio.quantile(0.95).item<double>(), 1e-5);
      const at::Tensor away = distance(h);
      const double far = away.mean().item<double>();
      EXPECT_NEAR(point.distance.mean, far, 1e-5 * far);
      EXPECT_NEAR(point.distance.low, away.quantile(0.05).item<double>(), 1e-5 * far);
      EXPECT_NEAR(point.distance_ratio, far / plain_distance, 1e-4 * point.distance_ratio);
      const at::Tensor change = h - plain;
      EXPECT_NEAR(point.change, change.norm(2, 1).mean().item<double>(), 1e-4);
      if (point.multiplier == 0) continue;
      EXPECT_NEAR(*point.change_inside,
                  (change.matmul(basis).square().sum() / change.square().sum()).item<double>(),
                  1e-4);
    }
  }
};

TEST_F(ManifoldViewerTest, AVectorAtItsOwnSite) {
  const SignalData data = Vector(0.7F);
  const ManifoldSpec spec = SpecOf(MustRegister(data), {-4, -1, 0, 0.5, 2, 8});
  const View view = Ask(spec);
  Expect(view, spec, data, 1);
  EXPECT_EQ(view.last_done, 6 * 7);
  EXPECT_EQ(view.last_total, 6 * 7);
  // h_m = h_0 + m v
  double square = 0;
  for (int i = 0; i < 64; ++i) square += std::pow(0.7 * std::sin(i + 1.0), 2);
  EXPECT_NEAR(view.points[4].change, 2 * std::sqrt(square), 1e-4);
  EXPECT_GT(view.points[5].distance_ratio, view.points[4].distance_ratio);
}

TEST_F(ManifoldViewerTest, ZeroIsThePlainModelExactly) {
  const ManifoldSpec spec = SpecOf(MustRegister(Vector(3)), {1, 0, -0.0});
  // However few multipliers a unit has room for.
  for (const int step_tokens : {512, 1}) {
    options_.step_tokens = step_tokens;
    runtime_.reset();
    Start();
    const View view = Ask(spec);
    ASSERT_TRUE(view.summary.ok()) << view.summary.status();
    for (const ManifoldPoint& point : {view.points[1], view.points[2]}) {
      EXPECT_EQ(point.norm_ratio.mean, 1);
      EXPECT_EQ(point.norm_ratio.low, 1);
      EXPECT_EQ(point.norm_ratio.high, 1);
      EXPECT_EQ(point.distance_ratio, 1);
      EXPECT_EQ(point.distance.mean, view.summary->plain_distance);
      EXPECT_EQ(point.change, 0);
      EXPECT_FALSE(point.change_inside.has_value());
    }
    EXPECT_NE(view.points[0].norm_ratio.mean, 1);
  }
}

TEST_F(ManifoldViewerTest, AnyKindAtALaterBlock) {
  const ModelShape shape = runtime_->model().shape;
  for (const SignalKind kind : {SignalKind::kVector, SignalKind::kLora, SignalKind::kLocalWeight}) {
    const Site at{0, kind == SignalKind::kVector ? SiteKind::kBlockOut : SiteKind::kDownProj};
    const SignalData data = RandomSignal(shape, kind, at, 0.3, 7);
    ManifoldSpec spec = SpecOf(MustRegister(data), {-2, 0, 1});
    Expect(Ask(spec), spec, data, 0);
    spec.site = Site{2, SiteKind::kBlockOut};
    Expect(Ask(spec), spec, data, 2);
  }
}

// What it does is seen behind the token on which it acts: at the last of each prompt.
TEST_F(ManifoldViewerTest, AKvSignalIsSeenByTheTokensBehindIt) {
  const SignalData data =
      RandomSignal(runtime_->model().shape, SignalKind::kKv, {1, SiteKind::kKv}, 2, 7);
  ManifoldSpec spec = SpecOf(MustRegister(data), {0, 1});
  spec.size.components = 1;
  const View view = Ask(spec);
  ASSERT_TRUE(view.summary.ok()) << view.summary.status();
  EXPECT_EQ(view.summary->tokens, std::ssize(spec.questions));
  EXPECT_EQ(view.points[0].change, 0);
  EXPECT_GT(view.points[1].change, 0.01);
}

TEST_F(ManifoldViewerTest, ManyMultipliersAreWhatEachIsAlone) {
  const std::string id = MustRegister(Vector(1));
  std::vector<double> multipliers;
  for (int i = 0; i < 70; ++i) multipliers.push_back(i * 0.1 - 3);  // more than one pass takes
  const View view = Ask(SpecOf(id, multipliers));
  ASSERT_EQ(view.points.size(), 70U);
  for (const int i : {0, 31, 32, 69}) {
    const View alone = Ask(SpecOf(id, {multipliers[i]}));
    ASSERT_EQ(alone.points.size(), 1U);
    EXPECT_EQ(view.points[i].multiplier, multipliers[i]);
    EXPECT_NEAR(view.points[i].distance.mean, alone.points[0].distance.mean, 1e-5);
    EXPECT_NEAR(view.points[i].norm_ratio.mean, alone.points[0].norm_ratio.mean, 1e-6);
  }
}

TEST_F(ManifoldViewerTest, LooksAtTheTokensThatAreSteeredAndNoOutliers) {
  ManifoldSpec spec = SpecOf(MustRegister(Vector(1)), {1});
  spec.raw = false;
  int64_t all = 0, last = 0, user = 0;
  for (const std::string& question : spec.questions) {
    PromptSpec prompt;
    prompt.messages = {{"user", question}};
    const auto tokens = runtime_->Tokenize(prompt);
    ASSERT_TRUE(tokens.ok());
    ASSERT_GT(tokens->head_length, 1);
    all += std::ssize(tokens->tokens) - tokens->head_length;
    ++last;
    prompt.messages.clear();
    prompt.text = question;
    user += std::ssize(runtime_->Tokenize(prompt)->tokens);
  }
  EXPECT_EQ(Ask(spec).summary->tokens, all);
  spec.control.positions = PositionRule{.generated = false, .user_text_only = true};
  EXPECT_EQ(Ask(spec).summary->tokens, user);
  spec.control.positions = PositionRule{.prompt = false};
  spec.size.components = 3;
  EXPECT_EQ(Ask(spec).summary->tokens, last);
}

TEST_F(ManifoldViewerTest, TooFewTokensForTheComponentsAreToldInNumbers) {
  ManifoldSpec spec = SpecOf(MustRegister(Vector(1)), {1});
  spec.control.positions = PositionRule{.prompt = false};  // a token of each question
  const ErrorDetail few = Refused(spec, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(few.field, "components");
  EXPECT_EQ(few.got, "5");
  EXPECT_THAT(few.allowed, HasSubstr("1 to 4 of 6 tokens"));
  spec.questions.resize(2);
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "questions");
  // The same question over and over is one point.
  spec.questions.assign(8, "the user hello");
  spec.size.components = 1;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kFailedPrecondition).field, "questions");
  spec = SpecOf(spec.control.signal, {1});
  spec.size.components = 64;
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "components");
}

TEST_F(ManifoldViewerTest, RefusesWhatItCannotLookAt) {
  const std::string id = MustRegister(Vector(1));
  ManifoldSpec spec = SpecOf(id, {1});
  for (const Site site :
       {Site{0, SiteKind::kBlockOut}, Site{3, SiteKind::kBlockOut}, Site{1, SiteKind::kDownProj}}) {
    spec.site = site;
    const ErrorDetail detail = Refused(spec, absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(detail.field, "site");
    EXPECT_THAT(detail.allowed,
                HasSubstr("layers.1.block_out (the lowest block steered) to layers.2"));
  }
  spec = SpecOf(id, {1});
  spec.questions[3] = LongText(400);
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "questions[3]");
  spec = SpecOf(id, {1, 2e6});
  EXPECT_EQ(Refused(spec, absl::StatusCode::kInvalidArgument).field, "multipliers[1]");
  EXPECT_EQ(Refused(SpecOf("nobody", {1}), absl::StatusCode::kNotFound).field,
            "controls[0].signal");
  EXPECT_EQ(Ask(SpecOf(id, {1}), /*cancelled=*/true).summary.status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ManifoldViewerTest, TellsTheValidityOfTheSignalsOwnCurve) {
  const std::string id = MustRegister(Vector(0.5F));
  SweepSpec sweep;
  for (int i = 0; i < 4; ++i)
    sweep.pairs.push_back({"the question " + std::to_string(i), "hello", "an other one"});
  sweep.control.signal = id;
  std::vector<double> grid;
  for (int i = -8; i <= 8; ++i) grid.push_back(i);
  sweep.grid = grid;
  const auto curve =
      runtime_->Sweep(sweep, [] { return false; },
                      {.on_point = [](const ScorePoint&) { return true; }, .on_progress = nullptr});
  ASSERT_TRUE(curve.ok()) << curve.status();

  ManifoldSpec spec = SpecOf(id, {-8, 0, 3, 9});
  spec.curve_id = curve->id;
  const View view = Ask(spec);
  ASSERT_TRUE(view.summary.ok()) << view.summary.status();
  ASSERT_EQ(view.summary->preference_missing, "");
  for (int i = 0; i < 3; ++i) {
    EXPECT_GT(*view.points[i].preference_validity, 0);
    EXPECT_LE(*view.points[i].preference_validity, 1);
  }
  EXPECT_FALSE(view.points[3].preference_validity.has_value());  // nothing was measured there
  // Utility is told with its number, or with a reason why there is none.
  EXPECT_EQ(view.points[1].utility_validity.has_value(), view.summary->utility_missing.empty());
  EXPECT_FALSE(Ask(SpecOf(id, {1})).points[0].preference_validity.has_value());

  spec.control.positions = PositionRule{.prompt = false};
  EXPECT_EQ(Refused(spec, absl::StatusCode::kFailedPrecondition).reason, "OTHER_POSITIONS");
  spec = SpecOf(MustRegister(Vector(0.25F)), {1});
  spec.curve_id = curve->id;
  const ErrorDetail other = Refused(spec, absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(other.field, "curve_id");
  EXPECT_THAT(other.got, HasSubstr(id));
  spec.curve_id = std::string(64, '0');
  EXPECT_EQ(Refused(spec, absl::StatusCode::kNotFound).field, "curve_id");
}

TEST_F(ManifoldViewerTest, WhatIsNotFiniteIsOutOfRange) {
  const SignalData data = Vector(3e37F);
  const ErrorDetail detail =
      Refused(SpecOf(MustRegister(data), {1e5}), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(detail.got, HasSubstr("100000"));
}

}  // namespace
}  // namespace steer
