#include <string>
#include <utility>

#include "server/answers.h"

namespace steer {
namespace {

v1::Odds ToProto(const PairOdds& odds) {
  v1::Odds out;
  out.set_positive_loss(odds.positive_loss);
  out.set_negative_loss(odds.negative_loss);
  out.set_preference(odds.preference);
  if (odds.utility) out.set_utility(*odds.utility);
  out.set_utility_valid(odds.utility.has_value());
  return out;
}

v1::OddsAggregate ToProto(const OddsSummary& summary) {
  v1::OddsAggregate out;
  out.set_preference(summary.preference);
  if (summary.utility) out.set_utility(*summary.utility);
  out.set_utility_valid(summary.utility_valid);
  out.set_preference_positive_rate(summary.preference_positive_rate);
  return out;
}

v1::Interval ToProto(const Interval& interval) {
  v1::Interval out;
  out.set_low(interval.low);
  out.set_high(interval.high);
  return out;
}

v1::FitVerdict ToProto(FitVerdict verdict) {
  switch (verdict) {
    case FitVerdict::kFitted:
      return v1::FITTED;
    case FitVerdict::kTooFewPoints:
      return v1::TOO_FEW_POINTS;
    case FitVerdict::kFlat:
      return v1::FLAT;
    case FitVerdict::kNotConverged:
      return v1::NOT_CONVERGED;
  }
  return v1::FIT_VERDICT_UNSPECIFIED;
}

v1::Phase ToProto(Phase phase) {
  switch (phase) {
    case Phase::kLinear:
      return v1::LINEAR;
    case Phase::kTransitional:
      return v1::TRANSITIONAL;
    case Phase::kConvergence:
      return v1::CONVERGENCE;
  }
  return v1::PHASE_UNSPECIFIED;
}

v1::DecaySide ToProto(const DecaySide& side) {
  v1::DecaySide out;
  out.set_peak(side.peak);
  out.set_width(side.width);
  out.set_tail(side.tail);
  return out;
}

v1::HalfValidity ToProto(const HalfValidity& half,
                         const std::optional<HalfValidityInterval>& interval) {
  v1::HalfValidity out;
  out.set_multiplier(half.multiplier);
  out.set_beyond_range(half.beyond_range);
  if (!interval) return out;
  out.set_nearest(interval->nearest.multiplier);
  out.set_farthest(interval->farthest.multiplier);
  return out;
}

v1::LawFit ToProto(const LawReport& law) {
  v1::LawFit out;
  const CurveFit& fit = law.fit;
  out.set_verdict(ToProto(fit.verdict));
  out.set_reason(fit.reason);
  out.set_pairs(fit.pairs);
  out.set_dropped_pairs(fit.dropped_pairs);
  if (!fit.curve) return out;
  out.set_alpha(fit.curve->alpha);
  out.set_beta(fit.curve->beta);
  out.set_b(fit.curve->b);
  const ValidityDecay& decay = fit.curve->decay;
  if (decay.negative) *out.mutable_negative() = ToProto(*decay.negative);
  if (decay.positive) *out.mutable_positive() = ToProto(*decay.positive);
  if (fit.r_squared) out.set_r_squared(*fit.r_squared);
  out.mutable_residuals()->Add(fit.residuals.begin(), fit.residuals.end());
  using Half = std::optional<HalfValidityInterval>;
  if (const auto half = fit.curve->HalfPoint(Side::kNegative)) {
    *out.mutable_half_negative() = ToProto(*half, law.band ? law.band->half_negative : Half());
  }
  if (const auto half = fit.curve->HalfPoint(Side::kPositive)) {
    *out.mutable_half_positive() = ToProto(*half, law.band ? law.band->half_positive : Half());
  }
  if (law.band) {
    out.set_resamples(law.band->resamples);
    out.set_failed_resamples(law.band->failed);
  }
  return out;
}

v1::FittedPoint FittedAt(const FitReport& report, size_t i) {
  v1::FittedPoint out;
  out.set_multiplier(report.grid[i]);
  if (const auto& curve = report.preference.fit.curve) {
    if (const auto value = curve->At(report.grid[i])) out.set_preference(*value);
  }
  if (const auto& curve = report.utility.fit.curve) {
    if (const auto value = curve->At(report.grid[i])) out.set_utility(*value);
  }
  if (const auto& band = report.preference.band)
    *out.mutable_preference_band() = ToProto(band->band[i]);
  if (const auto& band = report.utility.band) *out.mutable_utility_band() = ToProto(band->band[i]);
  return out;
}

std::string NameOf(RangeEnd end) {
  switch (end) {
    case RangeEnd::kLastMeasured:
      return "last measured";
    case RangeEnd::kGap:
      return "gap";
    case RangeEnd::kHalfValidity:
      return "half validity";
  }
  return "";
}

}  // namespace

v1::ScorePoint ToProto(const ScorePoint& point, bool omit_pairs) {
  v1::ScorePoint out;
  out.set_multiplier(point.multiplier);
  out.set_second_multiplier(point.second_multiplier);
  *out.mutable_mean() = ToProto(point.mean);
  *out.mutable_sum() = ToProto(point.sum);
  if (omit_pairs) return out;
  out.mutable_pairs()->Reserve(static_cast<int>(point.pairs.size()));
  for (const ScoredPair& pair : point.pairs) {
    v1::PairScore& score = *out.add_pairs();
    *score.mutable_mean() = ToProto(pair.mean);
    *score.mutable_sum() = ToProto(pair.sum);
    score.set_positive_tokens(pair.positive_tokens);
    score.set_negative_tokens(pair.negative_tokens);
    score.set_prompt_is_prefix(pair.prompt_is_prefix);
    score.set_positive_respelt(pair.positive_respelt);
    score.set_negative_respelt(pair.negative_respelt);
  }
  return out;
}

v1::PreferenceSlope ToProto(const PreferenceSlope& slope) {
  v1::PreferenceSlope out;
  out.set_low_multiplier(slope.low_multiplier);
  out.set_high_multiplier(slope.high_multiplier);
  out.set_slope(slope.slope);
  out.set_interval_low(slope.interval.low);
  out.set_interval_high(slope.interval.high);
  return out;
}

v1::Curve ToProto(const CurveRecord& record, const CurveSummary* summary) {
  v1::Curve out;
  out.set_id(record.id);
  out.set_signal_id(record.signal_id);
  *out.mutable_positions() = ToProto(record.positions);
  out.set_model_fingerprint(record.model_fingerprint);
  out.set_pairs_sha256(record.pairs_sha256);
  out.set_pairs(record.pairs);
  out.set_end_of_turn(record.end_of_turn);
  out.set_raw(record.raw);
  out.set_both_spellings(record.both_spellings);
  out.set_system(record.system);
  out.set_created_unix_ms(record.created_unix_ms);
  if (record.second) {
    out.mutable_second()->set_signal_id(record.second->signal_id);
    *out.mutable_second()->mutable_positions() = ToProto(record.second->positions);
  }
  if (summary == nullptr) return out;
  out.set_utility_pairs(summary->utility_pairs);
  for (const CurvePoint& point : summary->points) {
    v1::CurvePoint& copy = *out.add_points();
    copy.set_multiplier(point.multiplier);
    copy.set_second_multiplier(point.second_multiplier);
    copy.set_preference(point.preference);
    *copy.mutable_preference_interval() = ToProto(point.preference_interval);
    copy.set_sum_preference(point.sum_preference);
    *copy.mutable_sum_preference_interval() = ToProto(point.sum_preference_interval);
    if (point.sum_utility) {
      copy.set_sum_utility(*point.sum_utility);
      *copy.mutable_sum_utility_interval() = ToProto(point.sum_utility_interval);
    }
    if (!point.utility) continue;
    copy.set_utility(*point.utility);
    *copy.mutable_utility_interval() = ToProto(point.utility_interval);
  }
  return out;
}

v1::FitCurveResponse ToProto(const FitReport& report) {
  v1::FitCurveResponse out;
  *out.mutable_preference() = ToProto(report.preference);
  *out.mutable_utility() = ToProto(report.utility);
  for (const PhaseInterval& phase : report.phases) {
    v1::PhaseInterval& copy = *out.add_phases();
    copy.set_phase(ToProto(phase.phase));
    copy.set_low(phase.low);
    copy.set_high(phase.high);
  }
  out.set_phases_missing(report.phases_missing);
  for (size_t i = 0; i < report.grid.size(); ++i) *out.add_fitted() = FittedAt(report, i);
  return out;
}

v1::RecommendMultiplierResponse ToProto(const Recommendation& recommendation) {
  v1::RecommendMultiplierResponse out;
  out.set_feasible(recommendation.feasible);
  const Prediction& prediction = recommendation.prediction;
  out.set_multiplier(prediction.multiplier);
  out.set_preference(prediction.preference);
  out.set_preference_gain(prediction.preference_gain);
  out.set_utility(prediction.utility);
  out.set_utility_loss(prediction.utility_loss);
  out.set_from_points(recommendation.source == CurveSource::kPoints);
  out.set_from_points_reason(recommendation.source_reason);
  out.set_searched_low(recommendation.searched.low);
  out.set_searched_high(recommendation.searched.high);
  out.set_low_end(NameOf(recommendation.searched.low_end));
  out.set_high_end(NameOf(recommendation.searched.high_end));
  return out;
}

}  // namespace steer
