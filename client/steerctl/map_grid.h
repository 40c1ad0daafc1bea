#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/steerctl/curve_series.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// What a signal is called in a map, and the places where it acts, as far as they are known.
struct SignalLabel {
  std::string name;
  std::string site;
};

// "polite · layers.15.block_out"
std::string LabelText(const SignalLabel& label);

// What a map is made of: the curves of a family, or one curve of two signals.
struct MapPlot {
  std::vector<v1::Curve> curves;
  std::vector<SignalLabel> signals;  // one for each curve, or the two of the one curve
  v1::LossMode mode = v1::MEAN;
};

// A map as rows against multipliers, ready to be shown: every multiplier and every value is finite.
// A row is a signal of the family, or a multiplier of the second signal.
struct MapGrid {
  struct Cell {
    double multiplier = 0;
    std::optional<double> preference;
    std::optional<double> utility;  // absent where it is undefined
  };
  struct Row {
    SignalLabel label;             // of a multiplier, its number
    std::optional<double> second;  // the multiplier, if that is what it is
    std::vector<Cell> cells;       // by ascending multiplier
  };

  std::string row_title;     // "signal", "multiplier of loud"
  std::string column_title;  // "multiplier", "multiplier of calm"
  std::vector<Row> rows;     // in the family's order, or by ascending second multiplier
  // The multipliers of every row, if all have the same; an adaptive family's differ.
  std::optional<std::vector<double>> columns;
  Cell plain;  // at 0, without values where that was not measured

  static std::optional<double> ValueOf(const Cell& cell, Quantity quantity) {
    return quantity == Quantity::kPreference ? cell.preference : cell.utility;
  }
  // Those that every row has, ascending.
  std::vector<double> CommonMultipliers() const;
};

MapGrid GridOf(const MapPlot& plot);

}  // namespace steer
