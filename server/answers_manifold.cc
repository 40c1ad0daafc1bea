#include "server/answers.h"

namespace steer {
namespace {

v1::Spread ToProto(const Spread& spread) {
  v1::Spread out;
  out.set_mean(spread.mean);
  out.set_low(spread.low);
  out.set_median(spread.median);
  out.set_high(spread.high);
  return out;
}

}  // namespace

v1::ManifoldPoint ToProto(const ManifoldPoint& point) {
  v1::ManifoldPoint out;
  out.set_multiplier(point.multiplier);
  *out.mutable_norm_ratio() = ToProto(point.norm_ratio);
  *out.mutable_distance() = ToProto(point.distance);
  out.set_distance_ratio(point.distance_ratio);
  out.set_change(point.change);
  if (point.change_inside) out.set_change_inside(*point.change_inside);
  if (point.preference_validity) out.set_preference_validity(*point.preference_validity);
  if (point.utility_validity) out.set_utility_validity(*point.utility_validity);
  return out;
}

v1::ManifoldSummary ToProto(const ManifoldSummary& summary) {
  v1::ManifoldSummary out;
  *out.mutable_control() = ToProto(summary.control);
  out.set_site(ToString(summary.site));
  out.set_width(static_cast<int>(summary.width));
  out.set_questions(summary.questions);
  out.set_tokens(summary.tokens);
  out.set_components(summary.size.components);
  out.set_explained_share(summary.size.explained_share);
  out.set_plain_norm(summary.plain_norm);
  out.set_plain_distance(summary.plain_distance);
  out.set_preference_missing(summary.preference_missing);
  out.set_utility_missing(summary.utility_missing);
  return out;
}

}  // namespace steer
