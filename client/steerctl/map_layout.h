#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/steerctl/axis.h"
#include "client/steerctl/map_grid.h"

namespace steer {

// Where the cells of a map go, in pixels from the left and from the panel's top. Rows with the same
// multipliers have a column for each, all alike wide; others share a linear axis, and a cell
// reaches half-way to its neighbours. An immutable value; the grid outlives it.
class MapLayout {
 public:
  struct Label {
    double at = 0;  // its middle
    std::string text;
    bool zero = false;
  };

  explicit MapLayout(const MapGrid& grid);

  Range x() const { return x_; }
  double height() const { return row_height_ * static_cast<double>(grid_.rows.size()); }
  Range Row(size_t row) const;
  // Where the cells of a row begin, and where the last one ends.
  std::vector<double> Edges(size_t row) const;
  // Whether cells are large enough to stand apart; smaller ones of one colour may be drawn as one.
  bool roomy() const;

  // As many as there is room for, 0 among them.
  std::vector<Label> ColumnLabels() const;
  std::vector<Label> RowLabels() const;
  // What the plain model fills: the column of 0, and of two signals the row of 0.
  std::optional<Range> ZeroColumn() const;
  std::optional<Range> ZeroRow() const;

 private:
  size_t ZeroRowNumber() const;
  double Middle(size_t row) const;

  const MapGrid& grid_;
  Range x_;
  double row_height_ = 0;
  double column_width_ = 0;   // if all rows have the same columns
  std::optional<Axis> axis_;  // if not
};

}  // namespace steer
