#include "core/analysis/sweep.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/status_macros.h"

namespace steer {
namespace {

bool Ascending(const ScorePoint& a, const ScorePoint& b) { return a.multiplier < b.multiplier; }

std::vector<double> PreferencesOf(const std::vector<ScorePoint>& points) {
  std::vector<double> values;
  values.reserve(points.size());
  for (const ScorePoint& point : points) values.push_back(point.mean.preference);
  return values;
}

// Over the pairs that have a utility at every point; empty if there are none.
std::vector<double> UtilitiesOf(const std::vector<ScorePoint>& points) {
  std::vector<double> values(points.size(), 0);
  int valid = 0;
  for (size_t pair = 0; pair < points.front().pairs.size(); ++pair) {
    const auto has = [pair](const ScorePoint& point) {
      return point.pairs[pair].mean.utility.has_value();
    };
    if (!std::all_of(points.begin(), points.end(), has)) continue;
    ++valid;
    for (size_t i = 0; i < points.size(); ++i) values[i] += *points[i].pairs[pair].mean.utility;
  }
  if (valid == 0) return {};
  for (double& value : values) value /= valid;
  return values;
}

// Adds to each gap's bend what one curve tells: the changes of slope at its ends times its width,
// which is about eight times the greatest distance of the curve from the gap's straight line.
void AddBends(const std::vector<ScorePoint>& points, const std::vector<double>& values,
              std::vector<double>& bends) {
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double range = *high - *low;
  if (!(range > 0)) return;
  const auto width = [&](size_t gap) {
    return points[gap + 1].multiplier - points[gap].multiplier;
  };
  const auto slope = [&](size_t gap) { return (values[gap + 1] - values[gap]) / width(gap); };
  for (size_t i = 1; i + 1 < points.size(); ++i) {
    const double change = std::abs(slope(i) - slope(i - 1)) / range;
    bends[i - 1] += change * width(i - 1);
    bends[i] += change * width(i);
  }
}

// What passes every point on and keeps it in `points` besides. Both outlive it.
ScoreListener Keeping(const ScoreListener& listener, std::vector<ScorePoint>& points) {
  ScoreListener keeping = listener;
  keeping.on_point = [&listener, &points](ScorePoint point) {
    points.push_back(point);
    return listener.on_point(std::move(point));
  };
  return keeping;
}

}  // namespace

std::vector<double> FirstMultipliers(const AdaptiveGrid& grid) {
  std::vector<double> multipliers;
  multipliers.reserve(static_cast<size_t>(grid.initial) + 1);
  for (int i = 0; i < grid.initial; ++i)
    multipliers.push_back(grid.low + (grid.high - grid.low) * i / (grid.initial - 1));
  if (grid.low < 0 && grid.high > 0) {
    // In place of a neighbour that rounding left next to it.
    const double step = (grid.high - grid.low) / (grid.initial - 1);
    const auto nearest =
        std::min_element(multipliers.begin(), multipliers.end(),
                         [](double a, double b) { return std::abs(a) < std::abs(b); });
    if (std::abs(*nearest) < 1e-9 * step) {
      *nearest = 0;
    } else {
      multipliers.push_back(0);
    }
  }
  std::sort(multipliers.begin(), multipliers.end());
  return multipliers;
}

std::vector<double> NextMultipliers(const std::vector<ScorePoint>& points, int most) {
  if (points.size() < 3) return {};
  std::vector<double> bends(points.size() - 1, 0);
  AddBends(points, PreferencesOf(points), bends);
  AddBends(points, UtilitiesOf(points), bends);
  std::vector<int> parts(bends.size(), 1);  // that each gap is cut into
  for (int i = 0; i < most; ++i) {
    // The distance from straight lines falls with the square of their length.
    const auto key = [&](size_t gap) {
      const double width = points[gap + 1].multiplier - points[gap].multiplier;
      return std::pair(bends[gap] / parts[gap] / parts[gap], width / parts[gap]);
    };
    size_t worst = 0;
    for (size_t gap = 1; gap < parts.size(); ++gap) {
      if (key(gap) > key(worst)) worst = gap;
    }
    ++parts[worst];
  }
  std::vector<double> multipliers;
  for (size_t gap = 0; gap < parts.size(); ++gap) {
    const double low = points[gap].multiplier, high = points[gap + 1].multiplier;
    for (int part = 1; part < parts[gap]; ++part) {
      const double multiplier = low + (high - low) * part / parts[gap];
      const double before = multipliers.empty() ? low : std::max(low, multipliers.back());
      if (multiplier > before && multiplier < high) multipliers.push_back(multiplier);
    }
  }
  return multipliers;
}

absl::StatusOr<std::vector<ScorePoint>> SweepAdaptively(Scorer& scorer,
                                                        const std::vector<TokenPair>& pairs,
                                                        const AdaptiveGrid& grid,
                                                        const std::function<bool()>& cancelled,
                                                        const ScoreListener& listener) {
  std::vector<ScorePoint> points;
  const auto total = static_cast<int64_t>(pairs.size()) *
                     std::max<int64_t>(grid.points, std::ssize(FirstMultipliers(grid)));
  ScoreListener round = listener;
  if (listener.on_progress) {
    round.on_progress = [&](int64_t done, int64_t /*of_this_round*/) {
      return listener.on_progress(done + std::ssize(points) * std::ssize(pairs), total);
    };
  }
  std::vector<double> multipliers = FirstMultipliers(grid);
  while (!multipliers.empty()) {
    STEER_ASSIGN_OR_RETURN(std::vector<ScorePoint> more,
                           SweepOver(scorer, pairs, multipliers, cancelled, round));
    std::move(more.begin(), more.end(), std::back_inserter(points));
    std::sort(points.begin(), points.end(), Ascending);
    const int left = grid.points - static_cast<int>(points.size());
    const int quarter = (grid.points + 3) / 4;
    multipliers = NextMultipliers(points, std::min(left, quarter));
  }
  return points;
}

absl::StatusOr<std::vector<ScorePoint>> SweepOver(Scorer& scorer,
                                                  const std::vector<TokenPair>& pairs,
                                                  const std::vector<double>& multipliers,
                                                  const std::function<bool()>& cancelled,
                                                  const ScoreListener& listener) {
  std::vector<ScorePoint> points;
  STEER_RETURN_IF_ERROR(
      ScorePairs(scorer, pairs, multipliers, cancelled, Keeping(listener, points)));
  std::sort(points.begin(), points.end(), Ascending);
  return points;
}

absl::StatusOr<std::vector<ScorePoint>> SweepJointly(Scorer& scorer,
                                                     const std::vector<TokenPair>& pairs,
                                                     std::vector<double> first,
                                                     std::vector<double> second,
                                                     const std::function<bool()>& cancelled,
                                                     const ScoreListener& listener) {
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  std::vector<ScorePoint> points;
  STEER_RETURN_IF_ERROR(
      ScorePairsJointly(scorer, pairs, first, second, cancelled, Keeping(listener, points)));
  return points;
}

}  // namespace steer
