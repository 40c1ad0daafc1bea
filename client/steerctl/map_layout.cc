#include "client/steerctl/map_layout.h"

#include <algorithm>
#include <cmath>

#include "client/steerctl/plot_style.h"
#include "client/steerctl/svg.h"

namespace steer {
namespace {

constexpr double kTitleRoom = 38;  // left of the rows' labels
constexpr double kMostLabelRoom = 260;
constexpr double kPanelWidth = 600;
constexpr double kLeastColumn = 2;
constexpr double kMostColumn = 110;
constexpr double kPanelHeight = 360;
constexpr double kLeastSignalRow = 15;  // so that every signal's name has room
constexpr double kLeastRow = 3;
constexpr double kMostRow = 56;
constexpr double kRoomy = 14;
constexpr double kLabelHeight = 13;
constexpr double kMostNumbers = 25;  // beside the rows
constexpr double kPixelsATick = 68;

// So many places per label that each has `room`.
size_t Step(double room, double place) {
  return static_cast<size_t>(std::max(std::ceil(room / place), 1.0));
}

std::vector<double> AllMultipliers(const MapGrid& grid) {
  std::vector<double> all;
  for (const MapGrid::Row& row : grid.rows) {
    for (const MapGrid::Cell& cell : row.cells) all.push_back(cell.multiplier);
  }
  return all;
}

// Rather than multipliers of a second signal.
bool SignalRows(const MapGrid& grid) { return grid.rows.empty() || !grid.rows.front().second; }

}  // namespace

MapLayout::MapLayout(const MapGrid& grid) : grid_(grid) {
  double labels = 0;
  for (const MapGrid::Row& row : grid.rows)
    labels = std::max(labels, TextWidth(LabelText(row.label), kSmallSize));
  x_.low = kTitleRoom + std::min(labels, kMostLabelRoom) + 8;
  x_.high = x_.low + kPanelWidth;
  if (grid.columns && !grid.columns->empty()) {
    const auto columns = static_cast<double>(grid.columns->size());
    column_width_ = std::clamp(kPanelWidth / columns, kLeastColumn, kMostColumn);
    x_.high = x_.low + columns * column_width_;
  } else {
    axis_.emplace(AllMultipliers(grid), x_, kPixelsATick);
  }
  row_height_ =
      std::clamp(kPanelHeight / static_cast<double>(std::max<size_t>(grid.rows.size(), 1)),
                 SignalRows(grid) ? kLeastSignalRow : kLeastRow, kMostRow);
}

// A family reads from the top down, an axis of multipliers upwards.
Range MapLayout::Row(size_t row) const {
  const bool upwards = grid_.rows[row].second.has_value();
  const size_t place = upwards ? grid_.rows.size() - 1 - row : row;
  const double top = static_cast<double>(place) * row_height_;
  return {top, top + row_height_};
}

double MapLayout::Middle(size_t row) const { return Row(row).low + row_height_ / 2; }

std::vector<double> MapLayout::Edges(size_t row) const {
  const std::vector<MapGrid::Cell>& cells = grid_.rows[row].cells;
  std::vector<double> edges;
  if (!axis_) {
    for (size_t i = 0; i <= cells.size(); ++i)
      edges.push_back(x_.low + static_cast<double>(i) * column_width_);
    return edges;
  }
  if (cells.empty()) return edges;
  const auto at = [&](size_t i) { return axis_->Pixel(cells[i].multiplier); };
  const auto between = [&](size_t i) { return (at(i) + at(i + 1)) / 2; };
  const size_t last = cells.size() - 1;
  // The outermost reach as far outwards as inwards.
  const double outer = last > 0 ? between(0) - at(0) : kRoomy;
  edges.push_back(std::max(at(0) - outer, x_.low));
  for (size_t i = 0; i < last; ++i) edges.push_back(between(i));
  edges.push_back(std::min(last > 0 ? 2 * at(last) - between(last - 1) : at(0) + outer, x_.high));
  return edges;
}

bool MapLayout::roomy() const { return !axis_ && column_width_ >= kRoomy && row_height_ >= kRoomy; }

std::vector<MapLayout::Label> MapLayout::ColumnLabels() const {
  std::vector<Label> labels;
  if (axis_) {
    for (const Axis::Tick& tick : axis_->ticks())
      labels.push_back({axis_->Pixel(tick.value), tick.label, tick.value == 0});
    return labels;
  }
  const std::vector<double>& columns = *grid_.columns;
  double widest = 0;
  for (const double multiplier : columns)
    widest = std::max(widest, TextWidth(NumberText(multiplier, 4), kSmallSize));
  const size_t step = Step(widest + 8, column_width_);
  const auto zero = std::find(columns.begin(), columns.end(), 0.0);
  const size_t first = zero == columns.end() ? 0 : static_cast<size_t>(zero - columns.begin());
  for (size_t i = first % step; i < columns.size(); i += step) {
    labels.push_back({x_.low + (static_cast<double>(i) + 0.5) * column_width_,
                      NumberText(columns[i], 4), columns[i] == 0});
  }
  return labels;
}

std::vector<MapLayout::Label> MapLayout::RowLabels() const {
  std::vector<Label> labels;
  // Every signal has its name, but few of many multipliers are enough.
  const double room = std::max(kLabelHeight, SignalRows(grid_) ? 0 : height() / kMostNumbers);
  const size_t step = Step(room, row_height_);
  const size_t zero = ZeroRowNumber();
  for (size_t i = (zero < grid_.rows.size() ? zero : 0) % step; i < grid_.rows.size(); i += step) {
    labels.push_back({Middle(i),
                      Shortened(LabelText(grid_.rows[i].label), kMostLabelRoom, kSmallSize),
                      i == zero});
  }
  return labels;
}

std::optional<Range> MapLayout::ZeroColumn() const {
  if (!grid_.columns) return std::nullopt;
  const auto zero = std::find(grid_.columns->begin(), grid_.columns->end(), 0.0);
  if (zero == grid_.columns->end()) return std::nullopt;
  const double low = x_.low + static_cast<double>(zero - grid_.columns->begin()) * column_width_;
  return Range{low, low + column_width_};
}

std::optional<Range> MapLayout::ZeroRow() const {
  const size_t zero = ZeroRowNumber();
  return zero < grid_.rows.size() ? std::optional(Row(zero)) : std::nullopt;
}

// As many as there are rows if none is of a multiplier that is 0.
size_t MapLayout::ZeroRowNumber() const {
  const auto zero = std::find_if(grid_.rows.begin(), grid_.rows.end(),
                                 [](const MapGrid::Row& row) { return row.second == 0.0; });
  return static_cast<size_t>(zero - grid_.rows.begin());
}

}  // namespace steer
