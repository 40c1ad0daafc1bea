#include "client/steerctl/map_grid.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"

namespace steer {
namespace {

MapGrid::Cell CellOf(const v1::CurvePoint& point, v1::LossMode mode) {
  return {point.multiplier(), ValueOf(point, Quantity::kPreference, mode),
          ValueOf(point, Quantity::kUtility, mode)};
}

void AddFamily(const MapPlot& plot, MapGrid& grid) {
  grid.row_title = "signal";
  grid.column_title = "multiplier";
  for (size_t i = 0; i < plot.curves.size(); ++i) {
    MapGrid::Row& row = grid.rows.emplace_back();
    if (i < plot.signals.size()) row.label = plot.signals[i];
    for (const v1::CurvePoint& point : plot.curves[i].points()) {
      if (std::isfinite(point.multiplier())) row.cells.push_back(CellOf(point, plot.mode));
    }
  }
}

void AddTwo(const MapPlot& plot, MapGrid& grid) {
  const auto title = [&plot](size_t i) {
    return absl::StrCat("multiplier of ", i < plot.signals.size() ? plot.signals[i].name : "");
  };
  grid.row_title = title(1);
  grid.column_title = title(0);
  std::map<double, MapGrid::Row> rows;
  for (const v1::CurvePoint& point : plot.curves.front().points()) {
    const double second = point.second_multiplier();
    if (!std::isfinite(point.multiplier()) || !std::isfinite(second)) continue;
    rows[second].cells.push_back(CellOf(point, plot.mode));
  }
  for (auto& [second, row] : rows) {
    row.second = second;
    row.label.name = NumberText(second, 4);
    grid.rows.push_back(std::move(row));
  }
}

std::vector<double> MultipliersOf(const MapGrid::Row& row) {
  std::vector<double> multipliers;
  multipliers.reserve(row.cells.size());
  for (const MapGrid::Cell& cell : row.cells) multipliers.push_back(cell.multiplier);
  return multipliers;
}

// Of a family each row has the plain model's; of two signals the row at 0.
MapGrid::Cell PlainOf(const MapGrid& grid) {
  for (const MapGrid::Row& row : grid.rows) {
    if (row.second.value_or(0) != 0) continue;
    for (const MapGrid::Cell& cell : row.cells) {
      if (cell.multiplier == 0) return cell;
    }
  }
  return {};
}

}  // namespace

std::string LabelText(const SignalLabel& label) {
  return absl::StrCat(label.name, label.site.empty() ? "" : " · ", label.site);
}

std::vector<double> MapGrid::CommonMultipliers() const {
  std::vector<double> common;
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<double> own = MultipliersOf(rows[i]);
    if (i == 0) {
      common = own;
      continue;
    }
    std::vector<double> both;
    std::set_intersection(common.begin(), common.end(), own.begin(), own.end(),
                          std::back_inserter(both));
    common = std::move(both);
  }
  return common;
}

MapGrid GridOf(const MapPlot& plot) {
  MapGrid grid;
  if (plot.curves.size() == 1 && plot.curves.front().has_second()) {
    AddTwo(plot, grid);
  } else {
    AddFamily(plot, grid);
  }
  for (MapGrid::Row& row : grid.rows) {
    std::stable_sort(row.cells.begin(), row.cells.end(), [](const auto& one, const auto& other) {
      return one.multiplier < other.multiplier;
    });
  }
  std::vector<double> common = grid.CommonMultipliers();
  if (std::all_of(grid.rows.begin(), grid.rows.end(),
                  [&](const MapGrid::Row& row) { return row.cells.size() == common.size(); })) {
    grid.columns = std::move(common);
  }
  grid.plain = PlainOf(grid);
  return grid;
}

}  // namespace steer
