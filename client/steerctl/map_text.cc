#include "client/steerctl/map_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/table.h"
#include "client/steerctl/terminal.h"

namespace steer {
namespace {

constexpr size_t kLineColumns = 100;  // of characters
constexpr size_t kCellColumns = 9;    // "-12.3456"
constexpr size_t kLeastCells = 4;     // side by side, however long the names are

bool HasSites(const MapGrid& grid) {
  return std::any_of(grid.rows.begin(), grid.rows.end(),
                     [](const MapGrid::Row& row) { return !row.label.site.empty(); });
}

size_t CellsInALine(const MapGrid& grid) {
  size_t name = DisplayWidth(grid.row_title);
  size_t site = 0;
  for (const MapGrid::Row& row : grid.rows) {
    name = std::max(name, DisplayWidth(row.label.name));
    site = std::max(site, DisplayWidth(row.label.site));
  }
  const size_t labels = name + (site > 0 ? site + 2 : 0);
  const size_t room = labels < kLineColumns ? kLineColumns - labels : 0;
  return std::max(room / (kCellColumns + 2), kLeastCells);
}

std::string CellText(const MapGrid::Row& row, double multiplier, Quantity quantity) {
  for (const MapGrid::Cell& cell : row.cells) {
    if (cell.multiplier != multiplier) continue;
    const std::optional<double> value = MapGrid::ValueOf(cell, quantity);
    return value ? absl::StrFormat("%+.4f", *value) : "-";
  }
  return "";
}

}  // namespace

std::string MapText(const MapGrid& grid, Quantity quantity, v1::LossMode mode) {
  const bool sites = HasSites(grid);
  const std::vector<double> multipliers = grid.CommonMultipliers();
  const size_t step = CellsInALine(grid);
  std::string text =
      absl::StrCat(quantity == Quantity::kPreference ? "preference" : "utility", " against the ",
                   grid.column_title, "; log-odds of ", ModeText(mode), "\n");
  for (size_t begin = 0; begin < multipliers.size(); begin += step) {
    const size_t end = std::min(begin + step, multipliers.size());
    std::vector<Table::Column> columns = {
        {grid.row_title, sites ? Table::Align::kLeft : Table::Align::kRight}};
    if (sites) columns.push_back({"site"});
    for (size_t i = begin; i < end; ++i)
      columns.push_back({absl::StrFormat("%g", multipliers[i]), Table::Align::kRight});
    Table table(std::move(columns));
    for (const MapGrid::Row& row : grid.rows) {
      std::vector<std::string> cells = {row.second ? absl::StrFormat("%g", *row.second)
                                                   : row.label.name};
      if (sites) cells.push_back(row.label.site);
      for (size_t i = begin; i < end; ++i) cells.push_back(CellText(row, multipliers[i], quantity));
      table.Add(std::move(cells));
    }
    absl::StrAppend(&text, begin > 0 ? "\n" : "", table.ToString());
  }
  if (!grid.columns) {
    absl::StrAppend(&text,
                    "multipliers that every row was measured at; the curves have the rest\n");
  }
  return text;
}

}  // namespace steer
