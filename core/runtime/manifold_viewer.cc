#include "core/runtime/manifold_viewer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/analysis/curve_report.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/curve_points.h"
#include "core/runtime/principal_subspace.h"

namespace steer {
namespace {

// So many multipliers are read in one pass over the questions, and fewer where their tokens would
// be more numbers than this (a quarter of a gigabyte).
constexpr int64_t kAtOnce = 32;
constexpr int64_t kShiftsAtOnce = int64_t{1} << 23;

// [strength][token]
using Shifts = std::vector<std::vector<TokenShift>>;

// Of a prompt, the positions on which the signal acts, or of a kv signal those behind it, which see
// what it did; without those whose norms are outliers whatever they are: the template's head, and
// the token that every other one attends to.
std::vector<int64_t> LookedAt(const ControlEntry& entry, const PromptLayout& layout) {
  const bool is_kv = entry.kind == SignalKind::kKv;
  std::vector<int64_t> positions;
  for (int p = std::max(1, layout.head_length); p < layout.prompt_length; ++p) {
    if (is_kv ? p > LastOfPrompt(entry.positions, layout) : Selects(entry, layout, p))
      positions.push_back(p);
  }
  return positions;
}

absl::StatusOr<int> LowestSteered(const ResolvedControl& control) {
  int lowest = -1;
  for (const std::string& name : control.sites) {
    STEER_ASSIGN_OR_RETURN(const Site site, ParseSite(name, "sites"));
    if (lowest < 0 || site.layer < lowest) lowest = site.layer;
  }
  return lowest;
}

double MeanOf(const std::vector<TokenShift>& shifts, double TokenShift::* number) {
  double sum = 0;
  for (const TokenShift& shift : shifts) sum += shift.*number;
  return sum / static_cast<double>(shifts.size());
}

// Also tells what the plain model's activations are.
absl::StatusOr<std::vector<ManifoldPoint>> PointsAt(const ManifoldReader& reader,
                                                    const std::vector<ViewedPrompt>& prompts,
                                                    std::span<const double> multipliers,
                                                    const PrincipalSubspace& plane,
                                                    ManifoldSummary& summary) {
  std::vector<double> acting;  // 0 is the plain model, which is there already
  std::copy_if(multipliers.begin(), multipliers.end(), std::back_inserter(acting),
               [](double m) { return m != 0; });
  STEER_ASSIGN_OR_RETURN(const Shifts shifts, reader.Shifts(prompts, acting, plane));
  const std::vector<TokenShift>& plain = shifts.front();
  summary.plain_norm = MeanOf(plain, &TokenShift::norm);
  summary.plain_distance = MeanOf(plain, &TokenShift::distance);
  std::vector<ManifoldPoint> points;
  size_t next = 1;
  for (const double m : multipliers) {
    STEER_ASSIGN_OR_RETURN(points.emplace_back(),
                           MakeManifoldPoint(m, m == 0 ? plain : shifts[next++], plain));
  }
  return points;
}

void AddValidity(const std::vector<CurveFit>& fits, ManifoldPoint& point) {
  if (fits.empty()) return;
  point.preference_validity = ValidityAt(fits[0], point.multiplier);
  point.utility_validity = ValidityAt(fits[1], point.multiplier);
}

}  // namespace

struct ManifoldViewer::Prepared {
  PreparedControls controls;
  std::vector<CurveFit> fits;  // of preference and utility; none without a curve
  std::vector<ViewedPrompt> prompts;
  ManifoldSummary summary;  // as far as it is known
};

absl::StatusOr<std::vector<ViewedPrompt>> ManifoldViewer::Prompts(
    const ManifoldSpec& spec, const PreparedControls& controls) const {
  const Admission& admission = *parts_.admission;
  const Admission::PairForm form = spec.raw ? Admission::PairForm::kVerbatim : admission.form();
  std::vector<ViewedPrompt> prompts;
  for (size_t i = 0; i < spec.questions.size(); ++i) {
    const std::string field = absl::StrCat("questions[", i, "]");
    absl::StatusOr<PreparedPrompt> prepared =
        admission.Tokens(AsPrompt(spec.system, spec.questions[i], form));
    if (!prepared.ok()) return Annotate(prepared.status(), field);
    if (prepared->layout.prompt_length > parts_.model->context_limit) {
      return InvalidField(field, absl::StrCat(prepared->layout.prompt_length, " tokens"),
                          absl::StrCat("up to ", parts_.model->context_limit, " tokens"));
    }
    STEER_RETURN_IF_ERROR(CheckSelections(controls, prepared->layout, field));
    std::vector<int64_t> positions = LookedAt(controls.set.front(), prepared->layout);
    if (positions.empty()) continue;
    prepared->tokens.push_back(prepared->tokens.back());
    prompts.push_back({{std::move(prepared->tokens), prepared->layout}, std::move(positions)});
  }
  return prompts;
}

absl::StatusOr<Site> ManifoldViewer::SiteOf(const ManifoldSpec& spec,
                                            const ResolvedControl& control) const {
  STEER_ASSIGN_OR_RETURN(const int lowest, LowestSteered(control));
  const Site site = spec.site.value_or(Site{lowest, SiteKind::kBlockOut});
  if (site.kind == SiteKind::kBlockOut && site.layer >= lowest &&
      site.layer < parts_.model->shape.layers) {
    return site;
  }
  return InvalidField(
      "site", ToString(site),
      absl::StrCat(ToString({lowest, SiteKind::kBlockOut}), " (the lowest block steered) to ",
                   ToString({parts_.model->shape.layers - 1, SiteKind::kBlockOut})));
}

absl::StatusOr<std::vector<CurveFit>> ManifoldViewer::FitsOf(const ManifoldSpec& spec,
                                                             const ResolvedControl& control) const {
  std::vector<CurveFit> fits;
  if (spec.curve_id.empty()) return fits;
  STEER_ASSIGN_OR_RETURN(const CurveRecord curve, parts_.store->GetCurve(spec.curve_id));
  if (curve.second) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"CURVE_OF_TWO", "curve_id", "a curve of two signals", "a curve of one"});
  }
  if (curve.signal_id != control.signal_id) {
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"OTHER_SIGNAL", "curve_id", absl::StrCat("a curve of ", curve.signal_id),
                       absl::StrCat("a curve of ", control.signal_id)});
  }
  if (curve.positions != control.positions) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"OTHER_POSITIONS", "curve_id", "a curve of the signal on other tokens",
         "a curve of the same positions; control.positions may be set to the curve's"});
  }
  STEER_ASSIGN_OR_RETURN(FitReport report, ReportFit(PointsOf(curve), LossMode::kMean,
                                                     /*bootstrap=*/std::nullopt, 2));
  fits.push_back(std::move(report.preference.fit));
  fits.push_back(std::move(report.utility.fit));
  return fits;
}

absl::StatusOr<ManifoldViewer::Prepared> ManifoldViewer::Prepare(const ManifoldSpec& spec) const {
  ControlSpec control = spec.control;
  control.multiplier = 1.0;  // what is asked for are factors on it
  control.bias_multiplier.reset();
  Prepared prepared;
  STEER_ASSIGN_OR_RETURN(prepared.controls, parts_.controls->Resolve({control}));
  for (size_t i = 0; i < spec.multipliers.size(); ++i) {
    STEER_RETURN_IF_ERROR(
        CheckFactor(prepared.controls, spec.multipliers[i], absl::StrCat("multipliers[", i, "]")));
  }
  ManifoldSummary& summary = prepared.summary;
  summary.control = prepared.controls.resolved.front();
  summary.width = parts_.model->shape.hidden;
  summary.questions = static_cast<int>(spec.questions.size());
  STEER_ASSIGN_OR_RETURN(summary.site, SiteOf(spec, summary.control));
  STEER_ASSIGN_OR_RETURN(prepared.fits, FitsOf(spec, summary.control));
  if (!prepared.fits.empty()) {
    summary.preference_missing = prepared.fits[0].reason;
    summary.utility_missing = prepared.fits[1].reason;
  }
  STEER_ASSIGN_OR_RETURN(prepared.prompts, Prompts(spec, prepared.controls));
  for (const ViewedPrompt& prompt : prepared.prompts)
    summary.tokens += std::ssize(prompt.positions);
  // What cannot do whatever the activations are is refused before they are read.
  const std::vector<double> any(summary.width, 1.0);
  STEER_RETURN_IF_ERROR(
      CountComponents({.components = spec.size.components.value_or(1)}, any, summary.tokens)
          .status());
  return prepared;
}

absl::StatusOr<ManifoldSummary> ManifoldViewer::View(const ManifoldSpec& spec,
                                                     const std::function<bool()>& cancelled,
                                                     const ManifoldListener& listener) const {
  STEER_ASSIGN_OR_RETURN(Prepared call, Prepare(spec));
  STEER_ASSIGN_OR_RETURN(const EngineScorer::Place place, parts_.pools->ScoringPlace());
  auto stopped = absl::CancelledError("viewing the manifold was stopped by its reader");
  const auto total = std::ssize(call.prompts) * (1 + std::ssize(spec.multipliers));
  int64_t done = 0;
  int64_t at_a_time = 1;  // the plain model first
  ManifoldReader reader({.place = place,
                         .controls = call.controls,
                         .layer = call.summary.site.layer,
                         .unit_rows = parts_.unit_rows,
                         .cancelled = cancelled,
                         .on_prompt = [&] {
                           done += at_a_time;
                           return listener.on_progress(done, total) ? absl::OkStatus() : stopped;
                         }});
  STEER_RETURN_IF_ERROR(reader.Load());
  STEER_ASSIGN_OR_RETURN(const ActivationMoments moments, reader.Moments(call.prompts));
  STEER_ASSIGN_OR_RETURN(const PrincipalSubspace plane, FindSubspace(moments, spec.size));
  call.summary.size = plane.size;
  const std::span<const double> all(spec.multipliers);
  const auto at_once =
      static_cast<size_t>(std::clamp<int64_t>(kShiftsAtOnce / call.summary.tokens, 1, kAtOnce));
  for (size_t begin = 0; begin < all.size(); begin += at_once) {
    const std::span<const double> some = all.subspan(begin, std::min(at_once, all.size() - begin));
    at_a_time = std::ssize(some);
    STEER_ASSIGN_OR_RETURN(const std::vector<ManifoldPoint> points,
                           PointsAt(reader, call.prompts, some, plane, call.summary));
    for (ManifoldPoint point : points) {
      AddValidity(call.fits, point);
      if (!listener.on_point(point)) return stopped;
    }
  }
  return std::move(call.summary);
}

}  // namespace steer
