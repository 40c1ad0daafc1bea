#include "client/steerctl/curve_csv.h"

#include "client/steerctl/csv.h"

namespace steer {
namespace {

std::string Field(bool defined, double value) { return defined ? CsvField(value) : ""; }

std::vector<std::string> PointNames(bool of_two) {
  std::vector<std::string> names = {"multiplier"};
  if (of_two) names.push_back("second_multiplier");
  for (const char* name : {"preference", "preference_low", "preference_high", "utility",
                           "utility_low", "utility_high", "sum_preference", "sum_utility"})
    names.push_back(name);
  return names;
}

std::vector<std::string> PointFields(const v1::CurvePoint& point, bool of_two) {
  const bool preference = point.has_preference_interval();
  const bool utility = point.has_utility_interval();
  std::vector<std::string> fields = {CsvField(point.multiplier())};
  if (of_two) fields.push_back(CsvField(point.second_multiplier()));
  for (const std::string& field :
       {CsvField(point.preference()), Field(preference, point.preference_interval().low()),
        Field(preference, point.preference_interval().high()),
        Field(point.has_utility(), point.utility()), Field(utility, point.utility_interval().low()),
        Field(utility, point.utility_interval().high()), CsvField(point.sum_preference()),
        Field(point.has_sum_utility(), point.sum_utility())})
    fields.push_back(field);
  return fields;
}

}  // namespace

std::string CurveCsv(const v1::Curve& curve) {
  std::string text = CsvLine(PointNames(curve.has_second()));
  for (const v1::CurvePoint& point : curve.points())
    text += CsvLine(PointFields(point, curve.has_second()));
  return text;
}

std::string FamilyCsvHeader() {
  std::vector<std::string> names = PointNames(/*of_two=*/false);
  names.insert(names.begin(), "signal");
  return CsvLine(names);
}

std::string FamilyCsvLines(const std::string& signal, const v1::Curve& curve) {
  std::string text;
  for (const v1::CurvePoint& point : curve.points()) {
    std::vector<std::string> fields = PointFields(point, /*of_two=*/false);
    fields.insert(fields.begin(), signal);
    text += CsvLine(fields);
  }
  return text;
}

std::string FittedCsv(const v1::FitCurveResponse& fit) {
  std::string text = CsvLine({"multiplier", "preference", "preference_low", "preference_high",
                              "utility", "utility_low", "utility_high"});
  for (const v1::FittedPoint& point : fit.fitted()) {
    const bool preference = point.has_preference_band();
    const bool utility = point.has_utility_band();
    text += CsvLine(
        {CsvField(point.multiplier()), Field(point.has_preference(), point.preference()),
         Field(preference, point.preference_band().low()),
         Field(preference, point.preference_band().high()),
         Field(point.has_utility(), point.utility()), Field(utility, point.utility_band().low()),
         Field(utility, point.utility_band().high())});
  }
  return text;
}

std::string ScoreCsvHeader() {
  return CsvLine({"multiplier", "preference", "utility", "utility_valid",
                  "preference_positive_rate", "sum_preference", "sum_utility", "sum_utility_valid",
                  "sum_preference_positive_rate", "pairs"});
}

std::string ScoreCsvLine(const v1::ScorePoint& point, int pairs) {
  std::vector<std::string> fields = {CsvField(point.multiplier())};
  for (const v1::OddsAggregate* odds : {&point.mean(), &point.sum()}) {
    fields.push_back(CsvField(odds->preference()));
    fields.push_back(Field(odds->has_utility(), odds->utility()));
    fields.push_back(CsvField(odds->utility_valid()));
    fields.push_back(CsvField(odds->preference_positive_rate()));
  }
  fields.push_back(CsvField(pairs));
  return CsvLine(fields);
}

}  // namespace steer
