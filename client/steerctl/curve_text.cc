#include "client/steerctl/curve_text.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/positions_text.h"

namespace steer {
namespace {

std::string ValueText(bool defined, double value) {
  return defined ? absl::StrFormat("%+.4f", value) : "-";
}

std::string IntervalText(bool defined, const v1::Interval& interval) {
  return defined ? absl::StrFormat("%+.4f .. %+.4f", interval.low(), interval.high()) : "-";
}

// All but the multipliers.
std::vector<std::string> ValuesOf(const v1::CurvePoint& point, v1::LossMode mode) {
  if (mode == v1::SUM) {
    return {ValueText(true, point.sum_preference()),
            IntervalText(point.has_sum_preference_interval(), point.sum_preference_interval()),
            ValueText(point.has_sum_utility(), point.sum_utility()),
            IntervalText(point.has_sum_utility_interval(), point.sum_utility_interval())};
  }
  return {
      ValueText(true, point.preference()),
      IntervalText(point.has_preference_interval(), point.preference_interval()),
      ValueText(point.has_utility(), point.utility()),
      IntervalText(point.has_utility() && point.has_utility_interval(), point.utility_interval())};
}

// "+ 0.31" or "- 0.31", as it follows another term.
std::string Term(double value) {
  return absl::StrFormat("%c %.4g", std::signbit(value) ? '-' : '+', std::abs(value));
}

// D(m) = (1 + (m - peak)^2 / width)^-tail of one side, as core/analysis has it.
std::string DecayText(const char* side, const v1::DecaySide& decay) {
  return absl::StrFormat("  D(m %s 0) = (1 + (m %s)^2 / %.4g)^-%.4g\n", side, Term(-decay.peak()),
                         decay.width(), decay.tail());
}

std::string HalfText(const char* side, const v1::HalfValidity& half) {
  if (half.beyond_range()) {
    return absl::StrFormat("  half validity, m %s 0: beyond %.4g, the last measured\n", side,
                           half.multiplier());
  }
  return absl::StrFormat(
      "  half validity, m %s 0: at %.4g%s\n", side, half.multiplier(),
      half.has_nearest() && half.has_farthest()
          ? absl::StrFormat(" (95 %% interval %.4g .. %.4g)", half.nearest(), half.farthest())
          : "");
}

std::string PairsText(const v1::LawFit& law) {
  if (law.dropped_pairs() == 0) return absl::StrCat(law.pairs(), " pairs");
  return absl::StrCat(law.pairs(), " pairs (", law.dropped_pairs(),
                      " more are undefined at some multiplier)");
}

std::string LawText(const char* name, const v1::LawFit& law, bool with_alpha) {
  std::string text = absl::StrCat(name, ": ", VerdictText(law));
  if (law.verdict() != v1::FITTED) return text + "\n";
  absl::StrAppend(&text, " to ", PairsText(law),
                  law.has_r_squared() ? absl::StrFormat(", R² %.4f", law.r_squared()) : "", "\n");
  if (with_alpha) {
    absl::StrAppendFormat(&text, "  (%.4g m %s) D(m) %s\n", law.alpha(), Term(law.beta()),
                          Term(law.b()));
  } else {
    absl::StrAppendFormat(&text, "  %.4g D(m) %s\n", law.beta(), Term(law.b()));
  }
  if (law.has_negative()) text += DecayText("<", law.negative());
  if (law.has_positive()) text += DecayText(">", law.positive());
  if (law.has_half_negative()) text += HalfText("<", law.half_negative());
  if (law.has_half_positive()) text += HalfText(">", law.half_positive());
  if (law.resamples() > 0) {
    absl::StrAppend(&text, "  intervals from ", law.resamples(), " resamples over pairs");
    absl::StrAppend(
        &text, law.failed_resamples() > 0
                   ? absl::StrCat(", without ", law.failed_resamples(), " that did not converge\n")
                   : "\n");
  }
  return text;
}

std::string PhasesText(const v1::FitCurveResponse& fit) {
  if (fit.phases().empty()) {
    return absl::StrCat("phases of the preference: none", fit.phases_missing().empty() ? "" : ": ",
                        fit.phases_missing(), "\n");
  }
  Table table({{"  from", Table::Align::kRight}, {"to", Table::Align::kRight}, {"phase"}});
  for (const v1::PhaseInterval& phase : fit.phases()) {
    table.Add({absl::StrFormat("%.4g", phase.low()), absl::StrFormat("%.4g", phase.high()),
               PhaseText(phase.phase())});
  }
  return absl::StrCat("phases of the preference:\n", table.ToString());
}

}  // namespace

std::string VerdictText(const v1::LawFit& law) {
  const auto because = [&](const char* words) {
    return absl::StrCat(words, law.reason().empty() ? "" : ": ", law.reason());
  };
  switch (law.verdict()) {
    case v1::FITTED:
      return "fitted";
    case v1::TOO_FEW_POINTS:
      return because("too few points");
    case v1::FLAT:
      return because("flat");
    case v1::NOT_CONVERGED:
      return because("the search did not converge");
    default:
      return because("not fitted");
  }
}

std::string PhaseText(v1::Phase phase) { return absl::AsciiStrToLower(v1::Phase_Name(phase)); }

std::string ModeText(v1::LossMode mode) {
  return mode == v1::SUM ? "sums over the answers' tokens" : "means per answer token";
}

Table CurveTable(const v1::Curve& curve, v1::LossMode mode, const std::map<double, int>& valid) {
  const auto right = Table::Align::kRight;
  std::vector<Table::Column> columns = {{"multiplier", right}};
  if (curve.has_second()) columns.push_back({"second", right});
  for (const char* name : {"preference", "95 % interval", "utility", "95 % interval"})
    columns.push_back({name, right});
  if (!valid.empty()) columns.push_back({"valid", right});
  Table table(columns);
  for (const v1::CurvePoint& point : curve.points()) {
    std::vector<std::string> row = {absl::StrFormat("%g", point.multiplier())};
    if (curve.has_second()) row.push_back(absl::StrFormat("%g", point.second_multiplier()));
    for (std::string& value : ValuesOf(point, mode)) row.push_back(std::move(value));
    const auto found = valid.find(point.multiplier());
    row.push_back(found == valid.end() ? "" : absl::StrCat(found->second, "/", curve.pairs()));
    table.Add(std::move(row));
  }
  return table;
}

Table CurveList(const std::vector<v1::Curve>& curves) {
  constexpr size_t kShownDigits = 12;  // of a signal's id
  const auto right = Table::Align::kRight;
  Table table({{"SIGNAL"}, {"PAIRS", right}, {"POSITIONS"}, {"CREATED (UTC)"}, {"CURVE"}});
  for (const v1::Curve& curve : curves) {
    std::string signal = curve.signal_id().substr(0, kShownDigits);
    if (curve.has_second())
      absl::StrAppend(&signal, " + ", curve.second().signal_id().substr(0, kShownDigits));
    table.Add({signal, absl::StrCat(curve.pairs()), PositionsText(curve.positions()),
               TimeText(curve.created_unix_ms()), curve.id()});
  }
  return table;
}

std::string Details(const v1::Curve& curve) {
  std::string form = curve.raw() ? "raw" : "chat template";
  absl::StrAppend(&form, curve.end_of_turn() ? ", with end of turn" : "",
                  curve.both_spellings() ? ", both spellings" : ", as spelt");
  return Listing(
      {{"curve", curve.id()},
       {"signal", curve.signal_id()},
       {"positions", PositionsText(curve.positions())},
       {"second", curve.second().signal_id()},
       {"its positions", curve.has_second() ? PositionsText(curve.second().positions()) : ""},
       {"model", curve.model_fingerprint()},
       {"pairs", absl::StrCat(curve.pairs(), ", of which ", curve.utility_pairs(),
                              " have a utility at every multiplier")},
       {"pairs' hash", curve.pairs_sha256()},
       {"format", form},
       {"system", curve.system()},
       {"created", absl::StrCat(TimeText(curve.created_unix_ms()), " UTC")}});
}

std::string FitText(const v1::FitCurveResponse& fit, v1::LossMode mode) {
  return absl::StrCat(LawText("preference", fit.preference(), /*with_alpha=*/true),
                      LawText("utility", fit.utility(), /*with_alpha=*/false), PhasesText(fit),
                      "log-odds of ", ModeText(mode), "\n");
}

std::string RecommendationText(const v1::RecommendMultiplierResponse& told) {
  std::vector<std::pair<std::string, std::string>> lines = {
      {"multiplier", absl::StrFormat("%+.4g%s", told.multiplier(),
                                     told.feasible() ? "" : ", nearest to the goal, not in it")},
      {"preference",
       absl::StrFormat("%+.4f, a gain of %+.4f", told.preference(), told.preference_gain())},
      {"utility", absl::StrFormat("%+.4f, a loss of %+.4f", told.utility(), told.utility_loss())},
      {"read from", told.from_points()
                        ? absl::StrCat("lines between measured points: ", told.from_points_reason())
                        : "the fitted laws"},
      {"searched", absl::StrFormat("%.4g (%s) .. %.4g (%s)", told.searched_low(), told.low_end(),
                                   told.searched_high(), told.high_end())}};
  if (told.has_check()) {
    const v1::TextCheck& check = told.check();
    lines.push_back(
        {"on texts",
         check.passed()
             ? absl::StrFormat("passed after %d of %+.4g", check.tried(), check.first_multiplier())
             : absl::StrFormat("nothing passed down from %+.4g", check.first_multiplier())});
    lines.push_back({"plain NLL", absl::StrFormat("%.4f per token, %.4f of plain texts",
                                                  check.steered_nll(), check.plain_nll())});
  }
  return Listing(lines);
}

}  // namespace steer
