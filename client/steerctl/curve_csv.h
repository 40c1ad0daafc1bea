#pragma once

#include <string>

#include "steer/v1/analysis.pb.h"

namespace steer {

// A header, then a line per measured point, with means and sums; both multipliers of two signals.
std::string CurveCsv(const v1::Curve& curve);
// The same of a family, whose curves come one by one; the signal is the first field of a line.
std::string FamilyCsvHeader();
std::string FamilyCsvLines(const std::string& signal, const v1::Curve& curve);
// A header, then a line per multiplier of the fit: the laws and their bands.
std::string FittedCsv(const v1::FitCurveResponse& fit);
// The same for scores, which come one by one.
std::string ScoreCsvHeader();
std::string ScoreCsvLine(const v1::ScorePoint& point, int pairs);

}  // namespace steer
