#include "client/steerctl/map_svg.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/map_layout.h"
#include "client/steerctl/map_panel.h"
#include "client/steerctl/plot_style.h"
#include "client/steerctl/positions_text.h"

namespace steer {
namespace {

constexpr double kLeastWidth = 780;
constexpr double kRow = 20;
constexpr size_t kShownDigits = 12;  // of an id

bool OfTwo(const MapPlot& plot) {
  return plot.curves.size() == 1 && plot.curves.front().has_second();
}

std::string NameOf(const MapPlot& plot, size_t i) {
  return i < plot.signals.size() ? plot.signals[i].name : "";
}

std::string TitleOf(const MapPlot& plot) {
  return OfTwo(plot) ? absl::StrCat("Map of ", NameOf(plot, 0), " and ", NameOf(plot, 1))
                     : absl::StrCat("Map of ", plot.curves.size(), " signals");
}

// "28", or "20 to 28" where curves differ.
std::string UtilityPairsText(const MapPlot& plot) {
  const auto [least, most] = std::minmax_element(
      plot.curves.begin(), plot.curves.end(), [](const v1::Curve& one, const v1::Curve& other) {
        return one.utility_pairs() < other.utility_pairs();
      });
  const std::string low = absl::StrCat(least->utility_pairs());
  return least->utility_pairs() == most->utility_pairs()
             ? low
             : absl::StrCat(low, " to ", most->utility_pairs());
}

std::string PositionsOf(const MapPlot& plot) {
  const v1::Curve& first = plot.curves.front();
  std::string text = PositionsText(first.positions());
  if (OfTwo(plot)) {
    const std::string second = PositionsText(first.second().positions());
    if (second == text) return text;
    return absl::StrCat(NameOf(plot, 0), " on ", text, ", ", NameOf(plot, 1), " on ", second);
  }
  const bool same =
      std::all_of(plot.curves.begin(), plot.curves.end(),
                  [&](const v1::Curve& curve) { return PositionsText(curve.positions()) == text; });
  return same ? text : "positions differ";
}

std::string PairsText(const MapPlot& plot) {
  return absl::StrCat(plot.curves.front().pairs(), " pairs, ", UtilityPairsText(plot),
                      " with utility at every m · log-odds of ", ModeText(plot.mode));
}

std::string OriginText(const MapPlot& plot) {
  const v1::Curve& first = plot.curves.front();
  const auto begin = [](const std::string& id) { return id.substr(0, kShownDigits); };
  const std::string model =
      absl::StrCat(" · model ", begin(first.model_fingerprint()), " · ", PositionsOf(plot));
  if (!OfTwo(plot)) return absl::StrCat(plot.curves.size(), " curves", model);
  return absl::StrCat("curve ", begin(first.id()), model);
}

bool HasUndefined(const MapGrid& grid) {
  return std::any_of(grid.rows.begin(), grid.rows.end(), [](const MapGrid::Row& row) {
    return std::any_of(row.cells.begin(), row.cells.end(),
                       [](const MapGrid::Cell& cell) { return !cell.preference || !cell.utility; });
  });
}

// What the marks mean, as far as there are any. Returns where the next row would be.
double DrawMarks(Svg& svg, const MapPlot& plot, const MapGrid& grid, const MapLayout& layout,
                 double y) {
  const double x = layout.x().low;
  if (grid.plain.preference) {
    if (layout.ZeroColumn()) {
      DrawPlainFrame(svg, {x + 1, y - 10}, {22, 12});
    } else {
      svg.Line({x + 12, y - 12}, {x + 12, y + 3}, kZeroLine);
    }
    svg.Text({x + 30, y},
             OfTwo(plot) ? "one of the two at 0; where both are, the plain model, also the mark "
                           "at the colour bar"
                         : "the plain model, also the mark at the colour bar",
             kSmallText);
    y += kRow;
  }
  if (HasUndefined(grid)) {
    DrawHatched(svg, {x, y - 10}, {24, 12});
    svg.Text({x + 30, y},
             plot.mode == v1::SUM ? "undefined"
                                  : "undefined: no pair has a utility at every multiplier of "
                                    "the curve",
             kSmallText);
    y += kRow;
  }
  return y;
}

std::string Description(const MapPlot& plot) {
  std::string text = "Preference and utility as colours, rows against multipliers.";
  if (OfTwo(plot)) {
    const v1::Curve& curve = plot.curves.front();
    return absl::StrCat(text, " Signals ", curve.signal_id(), " and ", curve.second().signal_id(),
                        ", model ", curve.model_fingerprint(), ", curve ", curve.id(), ".");
  }
  for (size_t i = 0; i < plot.curves.size(); ++i)
    absl::StrAppend(&text, " ", NameOf(plot, i), ": signal ", plot.curves[i].signal_id(),
                    ", curve ", plot.curves[i].id(), ".");
  return text;
}

}  // namespace

std::string MapSvg(const MapPlot& plot) {
  Svg svg;
  if (plot.curves.empty()) return svg.Document({kLeastWidth, kHeadingHeight}, "Map", "Nothing.");
  const MapGrid grid = GridOf(plot);
  const MapLayout layout(grid);
  const double width = std::max(layout.x().high + kColourBarRoom, kLeastWidth);
  DrawHeading(svg, width, {TitleOf(plot), PairsText(plot), OriginText(plot)});
  const char* unit = plot.mode == v1::SUM ? " (nats)" : " (nats per token)";
  double y = kHeadingHeight + 8;
  y = DrawMapPanel(svg, {Quantity::kPreference, absl::StrCat("preference", unit), y}, grid, layout);
  y = DrawMapPanel(svg, {Quantity::kUtility, absl::StrCat("utility", unit), y + 14}, grid, layout);
  y = DrawMarks(svg, plot, grid, layout, y + 24);
  return svg.Document({width, y}, TitleOf(plot), Description(plot));
}

}  // namespace steer
