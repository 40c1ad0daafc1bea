#include "client/steerctl/curve_legend.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/plot_style.h"

namespace steer {
namespace {

constexpr double kRow = 20;

// What the marks mean: each entry draws its mark into 24 x 12 pixels left of its name.
struct LegendEntry {
  std::string name;
  std::function<void(Svg&, Spot)> draw;
};

// A mark in both panels' colours, side by side.
void DrawBoth(const std::function<void(Spot, const PanelColours&)>& draw, Spot middle) {
  draw({middle.x - 6, middle.y}, kPreferenceColours);
  draw({middle.x + 6, middle.y}, kUtilityColours);
}

bool HasIntervals(const CurveSeries& series) {
  return std::any_of(series.points.begin(), series.points.end(),
                     [](const auto& point) { return point.interval.has_value(); });
}

bool HasBand(const CurveSeries& series) {
  return std::any_of(series.fitted.begin(), series.fitted.end(),
                     [](const auto& point) { return point.band.has_value(); });
}

void AddMeasured(const CurveParts& parts, std::vector<LegendEntry>& entries) {
  const bool intervals = HasIntervals(parts.preference) || HasIntervals(parts.utility);
  entries.push_back({intervals ? "measured mean, 95 % interval" : "measured mean",
                     [intervals](Svg& svg, Spot at) {
                       DrawBoth(
                           [&](Spot spot, const PanelColours& colours) {
                             if (intervals) {
                               DrawWhisker(svg, {spot.x, spot.y - 6}, {spot.x, spot.y + 6}, 1);
                             }
                             svg.Circle(spot, kPointRadius, Fill(colours.line));
                           },
                           at);
                     }});
}

void AddFitted(const CurveParts& parts, std::vector<LegendEntry>& entries) {
  if (parts.preference.fitted.empty() && parts.utility.fitted.empty()) return;
  const bool band = HasBand(parts.preference) || HasBand(parts.utility);
  entries.push_back(
      {band ? "fitted law, 95 % band" : "fitted law", [band](Svg& svg, Spot at) {
         DrawBoth(
             [&](Spot spot, const PanelColours& colours) {
               if (band) {
                 svg.Rectangle({spot.x - 6, spot.y - 5}, {12, 10}, Fill(colours.band));
               }
               svg.Line({spot.x - 6, spot.y}, {spot.x + 6, spot.y},
                        absl::StrCat("stroke=\"", colours.line, "\" stroke-width=\"2\""));
             },
             at);
       }});
  if (parts.preference.half_points.empty() && parts.utility.half_points.empty()) return;
  entries.push_back({"half validity m½", [](Svg& svg, Spot at) { DrawTriangle(svg, at, kInk); }});
}

std::vector<LegendEntry> LegendOf(const CurveParts& parts) {
  std::vector<LegendEntry> entries;
  AddMeasured(parts, entries);
  AddFitted(parts, entries);
  for (const v1::Phase phase : {v1::LINEAR, v1::TRANSITIONAL, v1::CONVERGENCE}) {
    const bool there = std::any_of(parts.phases.begin(), parts.phases.end(),
                                   [&](const auto& found) { return found.phase() == phase; });
    if (!there) continue;
    entries.push_back({absl::StrCat(PhaseText(phase), " phase"), [phase](Svg& svg, Spot at) {
                         svg.Rectangle({at.x - 12, at.y - 6}, {24, 12},
                                       absl::StrCat(Fill(PhaseColour(phase)),
                                                    " stroke=\"#999999\" stroke-width=\"0.5\""));
                       }});
  }
  if (parts.recommendation) {
    entries.push_back({parts.recommendation->feasible() ? "predicted at the recommended m"
                                                        : "predicted at the nearest m",
                       [](Svg& svg, Spot at) { DrawDiamond(svg, at); }});
    entries.push_back({"range searched", [](Svg& svg, Spot at) {
                         svg.Line({at.x - 12, at.y}, {at.x + 12, at.y}, SearchedStyle());
                       }});
  }
  return entries;
}

}  // namespace

double DrawLegend(Svg& svg, const CurveParts& parts, Range pixels, double y) {
  Spot at = {pixels.low, y};
  for (const LegendEntry& entry : LegendOf(parts)) {
    const double width = 30 + TextWidth(entry.name, kSmallSize) + 14;
    if (at.x + width > pixels.high && at.x > pixels.low) at = {pixels.low, at.y + kRow};
    entry.draw(svg, {at.x + 12, at.y - 4});
    svg.Text({at.x + 30, at.y}, entry.name, kSmallText);
    at.x += width;
  }
  return at.y;
}

}  // namespace steer
