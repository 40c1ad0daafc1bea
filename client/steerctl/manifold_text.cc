#include "client/steerctl/manifold_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/csv.h"

namespace steer {
namespace {

std::string Share(bool defined, double value) {
  return defined ? absl::StrFormat("%.3f", value) : "-";
}

std::string Field(bool defined, double value) { return defined ? CsvField(value) : ""; }

std::string MissingText(const char* law, const std::string& reason) {
  return reason.empty() ? "" : absl::StrCat("\nno D of the ", law, ": ", reason);
}

}  // namespace

Table ManifoldTable(bool curve) {
  const auto right = Table::Align::kRight;
  std::vector<Table::Column> columns = {{"multiplier", right},      {"norm", right, 7},
                                        {"5 % .. 95 %", right, 16}, {"distance", right, 9},
                                        {"x plain", right, 8},      {"inside", right}};
  if (curve) {
    columns.push_back({"D preference", right});
    columns.push_back({"D utility", right});
  }
  return Table(columns);
}

std::vector<std::string> ManifoldRow(const v1::ManifoldPoint& point, bool curve) {
  const v1::Spread& norm = point.norm_ratio();
  std::vector<std::string> cells = {absl::StrFormat("%g", point.multiplier()),
                                    absl::StrFormat("%.3f", norm.mean()),
                                    absl::StrFormat("%.3f .. %.3f", norm.low(), norm.high()),
                                    absl::StrFormat("%.4g", point.distance().mean()),
                                    absl::StrFormat("%.3f", point.distance_ratio()),
                                    Share(point.has_change_inside(), point.change_inside())};
  if (curve) {
    cells.push_back(Share(point.has_preference_validity(), point.preference_validity()));
    cells.push_back(Share(point.has_utility_validity(), point.utility_validity()));
  }
  return cells;
}

std::string ManifoldText(const v1::ManifoldSummary& summary) {
  return absl::StrFormat(
             "%s: %d tokens of %d questions; %d of %d components explain %.1f %% of the plain "
             "variance\nplain activations: mean norm %.4g, mean distance %.4g",
             summary.site(), summary.tokens(), summary.questions(), summary.components(),
             summary.width(), 100 * summary.explained_share(), summary.plain_norm(),
             summary.plain_distance()) +
         MissingText("preference", summary.preference_missing()) +
         MissingText("utility", summary.utility_missing());
}

std::string ManifoldCsvHeader() {
  return CsvLine({"multiplier", "norm_ratio", "norm_ratio_low", "norm_ratio_median",
                  "norm_ratio_high", "distance", "distance_low", "distance_median", "distance_high",
                  "distance_ratio", "change", "change_inside", "preference_validity",
                  "utility_validity"});
}

std::string ManifoldCsvLine(const v1::ManifoldPoint& point) {
  std::vector<std::string> fields = {CsvField(point.multiplier())};
  for (const v1::Spread* spread : {&point.norm_ratio(), &point.distance()}) {
    for (const double value : {spread->mean(), spread->low(), spread->median(), spread->high()})
      fields.push_back(CsvField(value));
  }
  fields.push_back(CsvField(point.distance_ratio()));
  fields.push_back(CsvField(point.change()));
  fields.push_back(Field(point.has_change_inside(), point.change_inside()));
  fields.push_back(Field(point.has_preference_validity(), point.preference_validity()));
  fields.push_back(Field(point.has_utility_validity(), point.utility_validity()));
  return CsvLine(fields);
}

}  // namespace steer
