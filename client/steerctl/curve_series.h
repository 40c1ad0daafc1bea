#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/steerctl/axis.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// What a plot of a dose curve is made of. It holds for one signal, whose name is for the title.
struct CurvePlot {
  v1::Curve curve;
  v1::LossMode mode = v1::MEAN;  // of the points, and of the fit
  std::string signal;            // empty: the beginning of its id
  std::optional<v1::FitCurveResponse> fit;
  std::optional<v1::RecommendMultiplierResponse> recommendation;
};

enum class Quantity { kPreference, kUtility };

// A measured value; nullopt where it is undefined or no finite number.
std::optional<double> ValueOf(const v1::CurvePoint& point, Quantity quantity, v1::LossMode mode);

// One quantity against the multiplier, ready to be drawn: every number is finite, and what is
// undefined, not measured or not fitted is not there.
struct CurveSeries {
  struct Point {
    double multiplier = 0;
    double value = 0;
    std::optional<Range> interval;
  };
  struct Fitted {
    double multiplier = 0;
    std::optional<double> value;
    std::optional<Range> band;
  };
  struct HalfPoint {
    double multiplier = 0;
    double value = 0;               // of the fitted law there
    std::optional<Range> interval;  // of the multiplier, ascending
  };

  std::vector<Point> points;
  std::vector<Fitted> fitted;
  std::vector<HalfPoint> half_points;
  std::optional<Point> recommended;
  std::vector<std::string> notes;  // how well the law fits, or why there is none
};

CurveSeries SeriesOf(const CurvePlot& plot, Quantity quantity);

// Everything that is drawn of a plot, under the same terms.
struct CurveParts {
  CurveSeries preference;
  CurveSeries utility;
  // Those that touch and are alike are one: the law's two sides meet at 0.
  std::vector<v1::PhaseInterval> phases;
  std::optional<v1::RecommendMultiplierResponse> recommendation;
};

CurveParts PartsOf(const CurvePlot& plot);

}  // namespace steer
