#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/curve_csv.h"
#include "client/steerctl/curve_output.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/map_text.h"
#include "client/steerctl/progress.h"
#include "client/steerctl/sweep_options.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct Swept {
  std::string given;  // the signal as the command line names it
  SignalLabel label;  // of a family's
  v1::Curve curve;
  std::vector<v1::ScorePoint> points;  // as they came; the curve does not say how many are valid
};

v1::LossMode ModeOf(const SweepOptions& options) { return options.sum ? v1::SUM : v1::MEAN; }

// The map of a family, or of the one curve of two signals.
MapPlot PlotOf(const std::vector<Swept>& swept, const SweepOptions& options) {
  MapPlot plot{.mode = ModeOf(options)};
  for (const Swept& one : swept) {
    plot.curves.push_back(one.curve);
    plot.signals.push_back(options.family() ? one.label : SignalLabel{one.given, ""});
  }
  if (!options.second.empty()) plot.signals.push_back({options.second, ""});
  return plot;
}

std::string MapsText(const MapPlot& plot) {
  const MapGrid grid = GridOf(plot);
  return absl::StrCat(MapText(grid, Quantity::kPreference, plot.mode), "\n",
                      MapText(grid, Quantity::kUtility, plot.mode));
}

std::string TableText(const Swept& swept, const SweepOptions& options) {
  std::map<double, int> valid;
  for (const v1::ScorePoint& point : swept.points) {
    valid[point.multiplier()] = (options.sum ? point.sum() : point.mean()).utility_valid();
  }
  return CurveTable(swept.curve, ModeOf(options), valid).ToString();
}

// One curve, as soon as it is measured.
void ShowCurve(const Swept& swept, const SweepOptions& options, bool first) {
  if (options.csv) {
    Print(options.family() ? absl::StrCat(first ? FamilyCsvHeader() : "",
                                          FamilyCsvLines(swept.given, swept.curve))
                           : CurveCsv(swept.curve));
    ShowNote(absl::StrCat("curve: ", swept.curve.id()), /*always=*/true);
    return;
  }
  const std::string heading =
      options.family() ? absl::StrCat(first ? "" : "\n", LabelText(swept.label), "\n") : "";
  const std::string numbers =
      swept.curve.has_second() ? MapsText(PlotOf({swept}, options)) : TableText(swept, options);
  Print(absl::StrCat(heading, numbers, swept.curve.pairs(), " pairs, ", swept.curve.utility_pairs(),
                     " of them with utility at every multiplier; log-odds of ",
                     ModeText(ModeOf(options)), "\ncurve: ", swept.curve.id(), "\n"));
}

absl::StatusOr<std::vector<Swept>> Sweep(const Session& session, Client& client,
                                         const SweepOptions& options,
                                         const v1::SweepRequest& request) {
  const std::stop_token stop = session.interrupt->Arm();
  Progress progress;
  std::vector<Swept> all;
  std::vector<v1::ScorePoint> points;
  SweepEvents events;
  events.on_progress = [&](const v1::ScoreProgress& now) {
    return progress.Show("sweeping", now.done(), now.total());
  };
  events.on_point = [&](const v1::ScorePoint& point) {
    points.push_back(point);
    return true;
  };
  events.on_curve = [&](const v1::Curve& curve) {
    progress.Clear();
    const std::string& given = options.family()
                                   ? request.family(static_cast<int>(all.size())).signal()
                                   : request.control().signal();
    const SignalLabel label =
        options.family() ? LabelOf(client, curve.signal_id(), given) : SignalLabel();
    all.push_back({given, label, curve, std::exchange(points, {})});
    if (!session.json) ShowCurve(all.back(), options, /*first=*/all.size() == 1);
    return true;
  };
  absl::Status status = client.Sweep(request, events, stop).status();
  progress.Clear();
  session.interrupt->Disarm();
  if (status.ok()) return all;
  if (!all.empty()) {
    ShowNote(absl::StrCat("kept: the first ", all.size(), " of ", request.family_size(),
                          " curves; 'steerctl curves list' has them"),
             /*always=*/true);
  }
  return status;
}

absl::StatusOr<v1::FitCurveResponse> Fit(Client& client, const std::string& curve_id,
                                         v1::LossMode mode) {
  v1::FitCurveRequest request;
  request.set_curve_id(curve_id);
  request.set_mode(mode);
  absl::StatusOr<v1::FitCurveResponse> fit = client.FitCurve(request);
  if (fit.ok()) return fit;
  return Annotate(fit.status(),
                  absl::StrCat("curve ", curve_id, " is kept ('steerctl fit' fits it)"));
}

nlohmann::ordered_json SweptJson(const Swept& swept) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const v1::ScorePoint& point : swept.points) points.push_back(ToJson(point));
  return {{"points", std::move(points)}, {"curve", ToJson(swept.curve)}};
}

// One for each curve, or none. What was measured is shown whatever becomes of them.
using Fits = std::vector<absl::StatusOr<v1::FitCurveResponse>>;

void ShowJson(const std::vector<Swept>& swept, const Fits& fits, bool family) {
  nlohmann::ordered_json curves = nlohmann::ordered_json::array();
  for (size_t i = 0; i < swept.size(); ++i) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    if (family) json = {{"signal", swept[i].given}, {"sites", swept[i].label.site}};
    json.update(SweptJson(swept[i]));
    if (i < fits.size() && fits[i].ok()) json["fit"] = ToJson(*fits[i]);
    curves.push_back(std::move(json));
  }
  Print(Dump(family ? nlohmann::ordered_json{{"curves", curves}} : curves.front()));
}

void ShowFits(const std::vector<Swept>& swept, const Fits& fits, const SweepOptions& options) {
  for (size_t i = 0; i < fits.size(); ++i) {
    if (!fits[i].ok()) continue;
    const std::string heading = absl::StrCat(LabelText(swept[i].label), ":");
    if (options.family() && options.csv) ShowNote(heading, /*always=*/true);
    if (options.family() && !options.csv) Print(absl::StrCat("\n", heading, "\n"));
    ShowFit(*fits[i], ModeOf(options), options.csv);
  }
}

absl::Status Draw(const std::vector<Swept>& swept, const Fits& fits, const SweepOptions& options) {
  if (options.family() || !options.second.empty())
    return WriteSvg(PlotOf(swept, options), options.svg_path);
  if (fits.empty()) return absl::OkStatus();
  const Swept& one = swept.front();
  const std::string name = one.given == one.curve.signal_id() ? "" : one.given;
  return WriteSvg(CurvePlot{one.curve, ModeOf(options), name, *fits.front(), std::nullopt},
                  options.svg_path);
}

absl::Status RunSweep(const Session& session, const SweepOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::SweepRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<Swept> swept, Sweep(session, *client, options, request));
  const bool alone = !options.family() && options.second.empty();
  if (options.family() && !session.json && !options.csv)
    Print(absl::StrCat("\n", MapsText(PlotOf(swept, options))));

  Fits fits;
  if (options.fit || (alone && !options.svg_path.empty())) {
    for (const Swept& one : swept) fits.push_back(Fit(*client, one.curve.id(), ModeOf(options)));
  }
  if (session.json) {
    ShowJson(swept, fits, options.family());
  } else {
    ShowFits(swept, fits, options);
  }
  // A map is of measured points alone.
  if (!alone) STEER_RETURN_IF_ERROR(Draw(swept, fits, options));
  for (const auto& fit : fits) STEER_RETURN_IF_ERROR(fit.status());
  return alone ? Draw(swept, fits, options) : absl::OkStatus();
}

}  // namespace

void AddSweepCommand(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand(
      "sweep", "Measure signals' dose curves: preference and utility against their multipliers");
  const auto options = std::make_shared<SweepOptions>();
  AddSweepOptions(command, *options);
  command.footer(
      "The server keeps the curve under the id that is shown: see 'steerctl fit', 'recommend' and\n"
      "'curves'. Intervals are bootstraps over pairs. Ctrl-C stops the sweep, and nothing is kept\n"
      "but a family's curves that were finished.\n"
      "Example: steerctl sweep pairs.jsonl --signal polite --from=-8 --to=8 --svg polite.svg\n"
      "A map over signals: --signal polite-5 --signal polite-10 --signal polite-15\n"
      "Two together: --signal polite --multipliers=-2,0,2 --with brief --with-multipliers=0,1,2");
  SetAction(command, session, options, &RunSweep);
}

}  // namespace steer
