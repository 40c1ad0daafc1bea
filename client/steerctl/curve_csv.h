#pragma once

#include <string>

#include "steer/v1/analysis.pb.h"

namespace steer {

// A header, then a line per measured multiplier, with means and sums.
std::string CurveCsv(const v1::Curve& curve);
// A header, then a line per multiplier of the fit: the laws and their bands.
std::string FittedCsv(const v1::FitCurveResponse& fit);
// The same for scores, which come one by one.
std::string ScoreCsvHeader();
std::string ScoreCsvLine(const v1::ScorePoint& point, int pairs);

}  // namespace steer
