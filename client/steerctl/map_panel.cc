#include "client/steerctl/map_panel.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/steerctl/colour_scale.h"
#include "client/steerctl/plot_style.h"

namespace steer {
namespace {

constexpr double kTitleHeight = 22;
constexpr double kNoteHeight = 16;
constexpr double kBarGap = 18;
constexpr double kBarWidth = 14;
constexpr int kBarSteps = 96;
constexpr double kPixelsATick = 30;
constexpr double kMostTicks = 14;
constexpr double kTitleX = 20;              // of the rows' title, which stands upright
constexpr double kCellTexts[] = {10.5, 9};  // sizes of the values in the cells
constexpr char kCrisp[] = " shape-rendering=\"crispEdges\"";

std::vector<double> ValuesOf(const MapGrid& grid, Quantity quantity) {
  std::vector<double> values;
  for (const MapGrid::Row& row : grid.rows) {
    for (const MapGrid::Cell& cell : row.cells) {
      const std::optional<double> value = MapGrid::ValueOf(cell, quantity);
      if (value) values.push_back(*value);
    }
  }
  return values;
}

// As many decimals as tell a hundredth of the colours' range apart.
int DecimalsFor(Range range) {
  const double hundredth = (range.high / 2 - range.low / 2) / 50;
  return std::clamp(static_cast<int>(-std::floor(std::log10(hundredth))), 0, 7);
}

// A panel being drawn. Not thread-safe.
class Drawing {
 public:
  Drawing(Svg& svg, const MapPanel& panel, const MapGrid& grid, const MapLayout& layout)
      : svg_(svg),
        panel_(panel),
        grid_(grid),
        layout_(layout),
        values_(ValuesOf(grid, panel.quantity)),
        scale_(panel.quantity == Quantity::kPreference
                   ? ColourScale::Around(grid.plain.preference.value_or(0), values_)
                   : ColourScale::Over(values_)),
        decimals_(DecimalsFor(scale_.range())),
        top_(panel.top + kTitleHeight + kNoteHeight) {}

  void Title() const;
  void Cells() const;
  void Names() const;
  void ColourBar() const;
  double bottom() const { return top_ + layout_.height() + 42; }

 private:
  std::string NoteText() const;
  void Row(size_t number, std::optional<double> value_size) const;
  void Value(Spot middle, double value, double size) const;
  std::optional<double> ValueSize() const;

  Svg& svg_;
  const MapPanel& panel_;
  const MapGrid& grid_;
  const MapLayout& layout_;
  const std::vector<double> values_;
  const ColourScale scale_;
  const int decimals_;
  const double top_;  // of the cells
};

std::string Drawing::NoteText() const {
  if (values_.empty()) return "undefined everywhere";
  const std::optional<double> plain = MapGrid::ValueOf(grid_.plain, panel_.quantity);
  if (panel_.quantity == Quantity::kUtility)
    return plain ? absl::StrCat("the plain model has ", FixedText(*plain, decimals_)) : "";
  return plain ? absl::StrCat("grey is what the plain model has, ", FixedText(*plain, decimals_))
               : "grey is 0, where neither answer is preferred: multiplier 0 was not measured";
}

void Drawing::Title() const {
  svg_.Text({layout_.x().low, panel_.top + 14}, panel_.title,
            "font-size=\"13\" font-weight=\"bold\"");
  const std::string note = NoteText();
  if (!note.empty()) svg_.Text({layout_.x().low, panel_.top + 30}, note, kSmallText);
}

// The size at which every value fits into its cell, if there is one.
std::optional<double> Drawing::ValueSize() const {
  if (!layout_.roomy() || grid_.rows.empty()) return std::nullopt;
  const std::vector<double> edges = layout_.Edges(0);
  if (edges.size() < 2) return std::nullopt;
  for (const double size : kCellTexts) {
    if (std::all_of(values_.begin(), values_.end(), [&](double value) {
          return TextWidth(FixedText(value, decimals_), size) + 8 <= edges[1] - edges[0];
        })) {
      return size;
    }
  }
  return std::nullopt;
}

void Drawing::Value(Spot middle, double value, double size) const {
  svg_.Text(
      {middle.x, middle.y + size / 2 - 1.5}, FixedText(value, decimals_),
      absl::StrCat("font-size=\"", size, "\" text-anchor=\"middle\" ", Fill(scale_.Ink(value))));
}

// Neighbours of one colour are one rectangle unless cells stand apart.
void Drawing::Row(size_t number, std::optional<double> value_size) const {
  const std::vector<MapGrid::Cell>& cells = grid_.rows[number].cells;
  const std::vector<double> edges = layout_.Edges(number);
  const Range y = layout_.Row(number);
  const double height = y.high - y.low;
  const auto fill = [&](size_t i) {
    const std::optional<double> value = MapGrid::ValueOf(cells[i], panel_.quantity);
    return value ? scale_.Colour(*value) : std::string();
  };
  const std::string gaps = layout_.roomy() ? " stroke=\"#ffffff\" stroke-width=\"1\"" : kCrisp;
  for (size_t begin = 0, end = 0; begin < cells.size(); begin = end) {
    const std::string colour = fill(begin);
    end = begin + 1;
    while (!layout_.roomy() && end < cells.size() && fill(end) == colour) ++end;
    const Spot corner = {edges[begin], top_ + y.low};
    const Spot size = {edges[end] - edges[begin], height};
    if (colour.empty()) {
      DrawHatched(svg_, corner, size);
      continue;
    }
    svg_.Rectangle(corner, size, absl::StrCat(Fill(colour.c_str()), gaps));
    if (value_size) {
      Value({corner.x + size.x / 2, corner.y + height / 2},
            *MapGrid::ValueOf(cells[begin], panel_.quantity), *value_size);
    }
  }
}

void Drawing::Cells() const {
  const std::optional<double> value_size = ValueSize();
  for (size_t i = 0; i < grid_.rows.size(); ++i) Row(i, value_size);
  const Range x = layout_.x();
  svg_.Rectangle({x.low, top_}, {x.high - x.low, layout_.height()},
                 absl::StrCat("fill=\"none\" ", Stroke(kInk, 1)));
  if (const auto column = layout_.ZeroColumn())
    DrawPlainFrame(svg_, {column->low, top_}, {column->high - column->low, layout_.height()});
  if (const auto row = layout_.ZeroRow())
    DrawPlainFrame(svg_, {x.low, top_ + row->low}, {x.high - x.low, row->high - row->low});
}

void Drawing::Names() const {
  const Range x = layout_.x();
  const double bottom = top_ + layout_.height();
  for (const MapLayout::Label& label : layout_.ColumnLabels()) {
    // Without columns, 0 is a line of its own.
    if (label.zero && !layout_.ZeroColumn())
      svg_.Line({label.at, top_}, {label.at, bottom}, kZeroLine);
    svg_.Line({label.at, bottom}, {label.at, bottom + 4}, Stroke(kInk, 1));
    svg_.Text({label.at, bottom + 17}, label.text,
              absl::StrCat(kSmallText, " text-anchor=\"middle\"",
                           label.zero ? " font-weight=\"bold\"" : ""));
  }
  for (const MapLayout::Label& label : layout_.RowLabels()) {
    if (label.text.empty()) continue;
    svg_.Text({x.low - 6, top_ + label.at + 4}, label.text,
              absl::StrCat(kSmallText, " text-anchor=\"end\"",
                           label.zero ? " font-weight=\"bold\"" : ""));
  }
  constexpr double kSize = 12;
  svg_.Text({(x.low + x.high) / 2, bottom + 35},
            Shortened(grid_.column_title, x.high - x.low + kColourBarRoom, kSize),
            "font-size=\"12\" text-anchor=\"middle\"");
  const double middle = top_ + layout_.height() / 2;
  svg_.Text({kTitleX, middle}, Shortened(grid_.row_title, layout_.height() + 30, kSize),
            absl::StrCat("font-size=\"12\" text-anchor=\"middle\" transform=\"rotate(-90 ", kTitleX,
                         " ", middle, ")\""));
}

void Drawing::ColourBar() const {
  if (values_.empty()) return;
  const Range range = scale_.range();
  const Axis axis({range.low, range.high}, {top_ + layout_.height(), top_},
                  std::max(kPixelsATick, layout_.height() / kMostTicks));
  const double x = layout_.x().high + kBarGap;
  const Range pixels = {axis.Pixel(range.high), axis.Pixel(range.low)};
  const double step = (pixels.high - pixels.low) / kBarSteps;
  for (int i = 0; i < kBarSteps; ++i) {
    const double share = (i + 0.5) / kBarSteps;
    const double value = range.high * (1 - share) + range.low * share;
    const double top = pixels.low + i * step;
    // Each reaches under the next, so that no seam shows.
    svg_.Rectangle({x, top}, {kBarWidth, std::min(top + 2 * step, pixels.high) - top},
                   Fill(scale_.Colour(value).c_str()));
  }
  svg_.Rectangle({x, pixels.low}, {kBarWidth, pixels.high - pixels.low},
                 absl::StrCat("fill=\"none\" ", Stroke(kInk, 1)));
  for (const Axis::Tick& tick : axis.ticks()) {
    if (tick.value < range.low || tick.value > range.high) continue;
    const double y = axis.Pixel(tick.value);
    svg_.Line({x + kBarWidth, y}, {x + kBarWidth + 4, y}, Stroke(kInk, 1));
    svg_.Text({x + kBarWidth + 8, y + 4}, tick.label, kSmallText);
  }
  if (const auto plain = MapGrid::ValueOf(grid_.plain, panel_.quantity)) {
    const double y = axis.Pixel(*plain);
    svg_.Polygon({{x - 8, y - 4}, {x - 1, y}, {x - 8, y + 4}}, Fill(kInk));
  }
}

}  // namespace

void DrawHatched(Svg& svg, Spot corner, Spot size) {
  svg.Rectangle(corner, size, "fill=\"#ffffff\" stroke=\"#999999\" stroke-width=\"0.5\"");
  constexpr int kStep = 6;
  const int end = static_cast<int>(std::ceil(size.x + size.y));
  for (int step = kStep; step < end; step += kStep) {
    const double at = step;
    svg.Line({corner.x + std::max(at - size.y, 0.0), corner.y + std::min(at, size.y)},
             {corner.x + std::min(at, size.x), corner.y + std::max(at - size.x, 0.0)},
             Stroke("#777777", 0.8));
  }
}

void DrawPlainFrame(Svg& svg, Spot corner, Spot size) {
  // Dark within white: seen on every colour.
  svg.Rectangle(corner, size, absl::StrCat("fill=\"none\" ", Stroke("#ffffff", 3.5)));
  svg.Rectangle(corner, size, absl::StrCat("fill=\"none\" ", Stroke(kInk, 1.5)));
}

double DrawMapPanel(Svg& svg, const MapPanel& panel, const MapGrid& grid, const MapLayout& layout) {
  const Drawing drawing(svg, panel, grid, layout);
  drawing.Title();
  drawing.Cells();
  drawing.Names();
  drawing.ColourBar();
  return drawing.bottom();
}

}  // namespace steer
