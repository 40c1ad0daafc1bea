#include "core/runtime/utility_budgets.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/analysis/curve_report.h"
#include "core/analysis/joint_surface.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/curve_points.h"

namespace steer {

// `alone` of a curve of one signal, `together` of one of two.
struct UtilityBudgets::Curve {
  CurveRecord head;  // without losses
  std::optional<SignalCurves> alone;
  std::optional<JointSurface> together;
};

namespace {

constexpr size_t kMaxRead = 64;
constexpr int kPageSize = 100;

std::string NamesOf(const std::vector<ResolvedControl>& controls) {
  return absl::StrJoin(controls, " and ", [](std::string* out, const ResolvedControl& control) {
    absl::StrAppend(out, Quoted(control.name));
  });
}

absl::StatusOr<std::vector<Direction>> DirectionsOf(const BudgetSpec& spec,
                                                    const std::vector<ResolvedControl>& controls) {
  std::vector<Direction> directions(controls.size(), Direction::kMorePreference);
  for (size_t i = 0; i < spec.less_preference.size(); ++i) {
    const std::string& name = spec.less_preference[i];
    const auto named =
        std::find_if(controls.begin(), controls.end(), [&name](const ResolvedControl& control) {
          return control.name == name || control.signal_id == name;
        });
    if (named == controls.end()) {
      return InvalidField(absl::StrCat("budget.less_preference[", i, "]"), Quoted(name),
                          "a signal of the request's controls");
    }
    directions[static_cast<size_t>(named - controls.begin())] = Direction::kLessPreference;
  }
  return directions;
}

absl::Status NothingKeeps(const BudgetSpec& spec, double least_loss) {
  return FieldError(absl::StatusCode::kFailedPrecondition,
                    {"BUDGET_OUT_OF_REACH", "budget.max_utility_loss",
                     absl::StrCat(spec.max_utility_loss,
                                  " nats, where the measured curves lose at "
                                  "least ",
                                  least_loss),
                     "a budget that some measured multiplier keeps; 0 is kept by multiplier 0"});
}

BudgetChoice::Share ShareOf(const std::string& curve_id, const Recommendation& recommendation) {
  return {.curve_id = curve_id,
          .multiplier = recommendation.prediction.multiplier,
          .preference_gain = recommendation.prediction.preference_gain,
          .utility_loss = recommendation.prediction.utility_loss,
          .from_points = recommendation.source == CurveSource::kPoints};
}

}  // namespace

bool UtilityBudgets::Fits(const CurveRecord& curve,
                          const std::vector<ResolvedControl>& controls) const {
  if (curve.model_fingerprint != model_) return false;
  const auto is = [](const ResolvedControl& control, const std::string& signal_id,
                     const PositionRule& positions) {
    return control.signal_id == signal_id && control.positions == positions;
  };
  if (!curve.second)
    return controls.size() == 1 && is(controls[0], curve.signal_id, curve.positions);
  if (controls.size() != 2) return false;
  const SecondAxis& second = *curve.second;
  return (is(controls[0], curve.signal_id, curve.positions) &&
          is(controls[1], second.signal_id, second.positions)) ||
         (is(controls[1], curve.signal_id, curve.positions) &&
          is(controls[0], second.signal_id, second.positions));
}

absl::StatusOr<UtilityBudgets::CurvePtr> UtilityBudgets::Read(const std::string& id) {
  // Always read, so that one that was deleted or damaged meanwhile is not used.
  STEER_ASSIGN_OR_RETURN(CurveRecord record, store_->GetCurve(id));
  {
    const MutexLock lock(mutex_);
    const auto found = std::find_if(read_.begin(), read_.end(),
                                    [&id](const auto& entry) { return entry.first == id; });
    if (found != read_.end()) {
      read_.splice(read_.begin(), read_, found);
      return found->second;
    }
  }
  const std::vector<ScorePoint> points = PointsOf(record);
  auto curve = std::make_shared<Curve>();
  if (record.second) {
    STEER_ASSIGN_OR_RETURN(curve->together, JointSurface::Create(SummariseCurve(points).points));
  } else {
    STEER_ASSIGN_OR_RETURN(curve->alone, ToSignalCurves(points));
  }
  record.losses.clear();
  curve->head = std::move(record);
  const MutexLock lock(mutex_);
  read_.emplace_front(id, curve);
  if (read_.size() > kMaxRead) read_.pop_back();
  return curve;
}

absl::StatusOr<UtilityBudgets::CurvePtr> UtilityBudgets::Newest(
    const std::vector<ResolvedControl>& controls) {
  std::string page_token;
  do {
    STEER_ASSIGN_OR_RETURN(const Page<CurveRecord> page,
                           store_->ListCurves(controls.front().signal_id, kPageSize, page_token));
    for (const CurveRecord& curve : page.items) {
      if (Fits(curve, controls)) return Read(curve.id);
    }
    page_token = page.next_page_token;
  } while (!page_token.empty());
  return CurvePtr();
}

absl::StatusOr<std::vector<UtilityBudgets::CurvePtr>> UtilityBudgets::Named(
    const std::vector<std::string>& ids, const std::vector<ResolvedControl>& controls) {
  if (ids.size() != 1 && ids.size() != controls.size()) {
    return InvalidField("budget.curve_ids", absl::StrCat(ids.size(), " curves"),
                        "one for each control, or one of both together");
  }
  std::vector<CurvePtr> curves;
  for (size_t i = 0; i < ids.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(CurvePtr curve, Read(ids[i]));
    const std::vector<ResolvedControl> of =
        ids.size() == 1 ? controls : std::vector<ResolvedControl>{controls[i]};
    if (!Fits(curve->head, of)) {
      return FieldError(absl::StatusCode::kFailedPrecondition,
                        {"OTHER_CURVE", absl::StrCat("budget.curve_ids[", i, "]"),
                         absl::StrCat(Quoted(ids[i]),
                                      ", measured for other signals, positions, "
                                      "model or weight format"),
                         absl::StrCat("a curve of ", NamesOf(of), " as this request uses it")});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

absl::StatusOr<std::vector<UtilityBudgets::CurvePtr>> UtilityBudgets::CurvesFor(
    const BudgetSpec& spec, const std::vector<ResolvedControl>& controls,
    const std::vector<Direction>& directions) {
  if (!spec.curve_ids.empty()) return Named(spec.curve_ids, controls);
  // Measured together means one concept, so both are steered the same way.
  if (controls.size() == 2 && directions[0] == directions[1]) {
    STEER_ASSIGN_OR_RETURN(CurvePtr curve, Newest(controls));
    if (curve != nullptr) return std::vector<CurvePtr>{std::move(curve)};
  }
  std::vector<CurvePtr> curves;
  for (size_t i = 0; i < controls.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(CurvePtr curve, Newest({controls[i]}));
    if (curve == nullptr) {
      return FieldError(
          absl::StatusCode::kFailedPrecondition,
          {"NO_CURVE", absl::StrCat("controls[", i, "].signal"),
           absl::StrCat(Quoted(controls[i].name),
                        ", of which no kept curve has these positions, "
                        "this model and its weight format"),
           "a signal with such a curve (Sweep makes one), or multipliers instead of a budget"});
    }
    curves.push_back(std::move(curve));
  }
  return curves;
}

absl::StatusOr<BudgetChoice> UtilityBudgets::Choose(const BudgetSpec& spec,
                                                    const std::vector<ResolvedControl>& controls) {
  if (controls.empty()) return InvalidField("budget", "a budget for no control", "a control");
  STEER_ASSIGN_OR_RETURN(const std::vector<Direction> directions, DirectionsOf(spec, controls));
  STEER_ASSIGN_OR_RETURN(const std::vector<CurvePtr> curves, CurvesFor(spec, controls, directions));
  BudgetChoice choice{.max_utility_loss = spec.max_utility_loss};
  if (const Curve& curve = *curves.front(); curve.together) {
    if (directions[0] != directions[1]) {
      return InvalidField("budget.curve_ids", "a curve of both signals, steered opposite ways",
                          "a curve for each, or the same way for both");
    }
    STEER_ASSIGN_OR_RETURN(const JointChoice joint, curve.together->RecommendWithinBudget(
                                                        spec.max_utility_loss, directions[0]));
    const JointPrediction& at = joint.prediction;
    if (!joint.feasible) return NothingKeeps(spec, at.utility_loss);
    choice.preference_gain = at.preference_gain;
    choice.utility_loss = at.utility_loss;
    const bool in_order = curve.head.signal_id == controls[0].signal_id;
    for (const double multiplier :
         {in_order ? at.first : at.second, in_order ? at.second : at.first})
      choice.shares.push_back(
          {.curve_id = curve.head.id, .multiplier = multiplier, .from_points = true});
    return choice;
  }
  if (controls.size() == 1) {
    STEER_ASSIGN_OR_RETURN(
        const Recommendation alone,
        RecommendWithinBudget(*curves[0]->alone, spec.max_utility_loss, directions[0]));
    if (!alone.feasible) return NothingKeeps(spec, alone.prediction.utility_loss);
    choice.preference_gain = alone.prediction.preference_gain;
    choice.utility_loss = alone.prediction.utility_loss;
    choice.shares.push_back(ShareOf(curves[0]->head.id, alone));
    return choice;
  }
  std::vector<JointSignal> signals;
  signals.reserve(controls.size());
  for (size_t i = 0; i < controls.size(); ++i)
    signals.push_back({*curves[i]->alone, directions[i]});
  STEER_ASSIGN_OR_RETURN(const JointRecommendation sum,
                         RecommendJointly(signals, spec.max_utility_loss));
  if (!sum.feasible) return NothingKeeps(spec, sum.total_loss_assumed_additive);
  choice.preference_gain = sum.total_gain;
  choice.utility_loss = sum.total_loss_assumed_additive;
  choice.assumed_additive = true;
  for (size_t i = 0; i < controls.size(); ++i)
    choice.shares.push_back(ShareOf(curves[i]->head.id, sum.signals[i]));
  return choice;
}

}  // namespace steer
