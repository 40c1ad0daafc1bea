#include "client/steerctl/curve_svg.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/steerctl/curve_legend.h"
#include "client/steerctl/curve_panel.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/plot_style.h"
#include "client/steerctl/positions_text.h"
#include "client/steerctl/svg.h"

namespace steer {
namespace {

// The page, in pixels.
constexpr double kWidth = 780;
constexpr double kMargin = 14;
constexpr Range kX = {84, 762};
constexpr double kLine = 15;
constexpr double kStripHeight = 16;
constexpr double kPanelHeight = 240;
constexpr double kPixelsATick = 68;
constexpr double kBold = 1.15;  // how much wider than the same text in normal type
constexpr size_t kMostCaptionLines = 3;
constexpr size_t kShownDigits = 12;  // of an id

// Where things are, from the top down; captions and phases take room only if there are any.
struct Layout {
  std::vector<std::string> preference_caption;
  double preference_caption_y = 0;
  Range strip;  // the phases' names
  Range preference;
  double recommended_y = 0;
  std::vector<std::string> utility_caption;
  double utility_caption_y = 0;
  Range utility;
};

std::vector<std::string> CaptionOf(const CurveSeries& series) {
  std::vector<std::string> lines =
      Wrapped(absl::StrJoin(series.notes, " · "), kX.high - kX.low, kSmallSize);
  if (lines.size() > kMostCaptionLines) {
    lines.resize(kMostCaptionLines);
    lines.back() += " …";
  }
  return lines;
}

Layout LayoutOf(const CurveParts& parts) {
  Layout layout;
  layout.preference_caption = CaptionOf(parts.preference);
  layout.preference_caption_y = kHeadingHeight + kLine;
  const auto lines = [](const auto& caption) { return static_cast<double>(caption.size()); };
  layout.strip.low = kHeadingHeight + kLine * lines(layout.preference_caption) + 8;
  layout.strip.high = layout.strip.low + (parts.phases.empty() ? 0 : kStripHeight);
  layout.preference = {layout.strip.high, layout.strip.high + kPanelHeight};

  layout.recommended_y = layout.preference.high + 19;
  layout.utility_caption = CaptionOf(parts.utility);
  const double below = layout.preference.high + (parts.recommendation ? 22 : 6);
  layout.utility_caption_y = below + kLine;
  layout.utility.low = below + kLine * lines(layout.utility_caption) + 8;
  layout.utility.high = layout.utility.low + kPanelHeight;
  return layout;
}

Axis MultiplierAxis(const CurveParts& parts) {
  std::vector<double> multipliers;
  for (const CurveSeries* series : {&parts.preference, &parts.utility}) {
    for (const auto& point : series->points) multipliers.push_back(point.multiplier);
    for (const auto& point : series->fitted) multipliers.push_back(point.multiplier);
  }
  if (parts.recommendation) multipliers.push_back(parts.recommendation->multiplier());
  return {multipliers, kX, kPixelsATick};
}

std::string TitleOf(const CurvePlot& plot) {
  const std::string id = plot.curve.signal_id().substr(0, kShownDigits);
  return absl::StrCat("Dose curve of ",
                      plot.signal.empty() ? absl::StrCat("signal ", id) : plot.signal);
}

void DrawHeader(Svg& svg, const CurvePlot& plot) {
  const v1::Curve& curve = plot.curve;
  const std::string pairs = absl::StrCat(
      curve.pairs(), " pairs, ", curve.utility_pairs(), " with utility at every m · log-odds of ",
      ModeText(plot.mode), " · ", PositionsText(curve.positions()));
  const std::string origin =
      absl::StrCat("signal ", curve.signal_id().substr(0, kShownDigits), " · model ",
                   curve.model_fingerprint().substr(0, kShownDigits), " · curve ",
                   curve.id().substr(0, kShownDigits));
  DrawHeading(svg, kWidth, {TitleOf(plot), pairs, origin});
}

void DrawCaption(Svg& svg, const std::vector<std::string>& lines, double y) {
  for (const std::string& line : lines) {
    svg.Text({kX.low, y}, line, kSmallText);
    y += kLine;
  }
}

void DrawPhases(Svg& svg, const CurveParts& parts, const Axis& x, const Layout& layout) {
  for (const v1::PhaseInterval& phase : parts.phases) {
    const double low = x.Pixel(phase.low());
    const double width = std::max(x.Pixel(phase.high()) - low, 0.0);
    const std::string fill = Fill(PhaseColour(phase.phase()));
    svg.Rectangle({low, layout.strip.low}, {width, kStripHeight}, fill);
    svg.Rectangle({low, layout.preference.low}, {width, kPanelHeight},
                  absl::StrCat(fill, " fill-opacity=\"0.5\""));
    const std::string name = PhaseText(phase.phase());
    if (TextWidth(name, kSmallSize) > width) continue;  // the legend has it
    svg.Text({low + width / 2, layout.strip.high - 4}, name,
             absl::StrCat(kSmallText, " text-anchor=\"middle\""));
  }
}

void DrawRecommendation(Svg& svg, const v1::RecommendMultiplierResponse& told, const Axis& x,
                        const Layout& layout) {
  const double at = x.Pixel(told.multiplier());
  for (const Range panel : {layout.preference, layout.utility}) {
    svg.Line({at, panel.low}, {at, panel.high},
             absl::StrCat(Stroke(kRecommendedColour, 1.5), " stroke-dasharray=\"5 3\""));
  }
  if (std::isfinite(told.searched_low()) && std::isfinite(told.searched_high())) {
    svg.Line({x.Pixel(told.searched_low()), layout.utility.high},
             {x.Pixel(told.searched_high()), layout.utility.high}, SearchedStyle());
  }
  const std::string label =
      absl::StrCat(told.feasible() ? "recommended m = " : "goal not met; nearest m = ",
                   NumberText(told.multiplier(), 4));
  constexpr double kSize = 12;
  const double half = TextWidth(label, kSize * kBold) / 2;
  svg.Text({std::clamp(at, kX.low + half, kX.high - half), layout.recommended_y}, label,
           absl::StrCat("font-size=\"12\" font-weight=\"bold\" text-anchor=\"middle\" ",
                        Fill(kRecommendedColour)));
}

void DrawMultipliers(Svg& svg, const Axis& x, double y) {
  for (const Axis::Tick& tick : x.ticks()) {
    svg.Text({x.Pixel(tick.value), y + 18}, tick.label,
             absl::StrCat(kSmallText, " text-anchor=\"middle\""));
  }
  svg.Text({(kX.low + kX.high) / 2, y + 38}, "multiplier m",
           "font-size=\"13\" text-anchor=\"middle\"");
}

std::string NoUtility(const v1::Curve& curve) {
  return absl::StrCat("utility is defined at every m for ", curve.utility_pairs(), " of ",
                      curve.pairs(), " pairs");
}

}  // namespace

std::string CurveSvg(const CurvePlot& plot) {
  const CurveParts parts = PartsOf(plot);
  const Layout layout = LayoutOf(parts);
  const Axis x = MultiplierAxis(parts);
  const char* unit = plot.mode == v1::SUM ? " (nats)" : " (nats per token)";
  Svg svg;
  DrawHeader(svg, plot);
  DrawCaption(svg, layout.preference_caption, layout.preference_caption_y);
  DrawPhases(svg, parts, x, layout);
  DrawPanel(svg,
            {layout.preference, absl::StrCat("preference", unit), kPreferenceColours,
             "no point was measured"},
            x, kX, parts.preference);
  DrawCaption(svg, layout.utility_caption, layout.utility_caption_y);
  DrawPanel(svg,
            {layout.utility, absl::StrCat("utility", unit), kUtilityColours, NoUtility(plot.curve)},
            x, kX, parts.utility);
  DrawMultipliers(svg, x, layout.utility.high);
  if (parts.recommendation) DrawRecommendation(svg, *parts.recommendation, x, layout);
  const double bottom =
      DrawLegend(svg, parts, {kX.low, kWidth}, layout.utility.high + 64) + kMargin;
  return svg.Document(
      {kWidth, bottom}, TitleOf(plot),
      absl::StrCat("Preference and utility against the multiplier. Signal ", plot.curve.signal_id(),
                   ", model ", plot.curve.model_fingerprint(), ", curve ", plot.curve.id(), "."));
}

}  // namespace steer
