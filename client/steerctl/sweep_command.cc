#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/steerctl/analysis_options.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/curve_csv.h"
#include "client/steerctl/curve_output.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/progress.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct Swept {
  v1::Curve curve;
  std::vector<v1::ScorePoint> points;  // as they came; the curve does not say how many are valid
};

absl::StatusOr<Swept> Sweep(const Session& session, Client& client,
                            const v1::SweepRequest& request) {
  const std::stop_token stop = session.interrupt->Arm();
  Swept swept;
  Progress progress;
  AnalysisEvents events;
  events.on_progress = [&](const v1::ScoreProgress& now) {
    return progress.Show("sweeping", now.done(), now.total());
  };
  events.on_point = [&](const v1::ScorePoint& point) {
    swept.points.push_back(point);
    return true;
  };
  absl::StatusOr<v1::Curve> curve = client.Sweep(request, events, stop);
  progress.Clear();
  session.interrupt->Disarm();
  STEER_ASSIGN_OR_RETURN(swept.curve, std::move(curve));
  return swept;
}

nlohmann::ordered_json SweptJson(const Swept& swept) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const v1::ScorePoint& point : swept.points) points.push_back(ToJson(point));
  return {{"points", std::move(points)}, {"curve", ToJson(swept.curve)}};
}

void ShowCurve(const Swept& swept, const SweepOptions& options, v1::LossMode mode) {
  if (options.csv) {
    Print(CurveCsv(swept.curve));
    ShowNote(absl::StrCat("curve: ", swept.curve.id()), /*always=*/true);
    return;
  }
  std::map<double, int> valid;
  for (const v1::ScorePoint& point : swept.points) {
    valid[point.multiplier()] = (options.sum ? point.sum() : point.mean()).utility_valid();
  }
  Print(absl::StrCat(CurveTable(swept.curve, mode, valid).ToString(), swept.curve.pairs(),
                     " pairs, ", swept.curve.utility_pairs(),
                     " of them with utility at every multiplier; log-odds of ", ModeText(mode),
                     "\ncurve: ", swept.curve.id(), "\n"));
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

absl::Status RunSweep(const Session& session, const SweepOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::SweepRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const Swept swept, Sweep(session, *client, request));
  const v1::LossMode mode = options.sum ? v1::SUM : v1::MEAN;
  if (!session.json) ShowCurve(swept, options, mode);

  // What was measured is shown whatever becomes of the fit.
  const bool fits = options.fit || !options.svg_path.empty();
  const absl::StatusOr<v1::FitCurveResponse> fit =
      fits ? Fit(*client, swept.curve.id(), mode) : v1::FitCurveResponse();
  if (session.json) {
    nlohmann::ordered_json json = SweptJson(swept);
    if (fits && fit.ok()) json["fit"] = ToJson(*fit);
    Print(Dump(json));
  } else if (fits && fit.ok()) {
    ShowFit(*fit, mode, options.csv);
  }
  STEER_RETURN_IF_ERROR(fit.status());
  const std::string& given = request.control().signal();
  return WriteSvg(
      {swept.curve, mode, given == swept.curve.signal_id() ? "" : given, *fit, std::nullopt},
      options.svg_path);
}

}  // namespace

void AddSweepCommand(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand(
      "sweep", "Measure a signal's dose curve: preference and utility against its multiplier");
  const auto options = std::make_shared<SweepOptions>();
  AddSweepOptions(command, *options);
  command.footer(
      "The server keeps the curve under the id that is shown: see 'steerctl fit', 'recommend' and\n"
      "'curves'. Intervals are bootstraps over pairs. Ctrl-C stops the sweep, and nothing is "
      "kept.\n"
      "Example: steerctl sweep pairs.jsonl --signal polite --from=-8 --to=8 --svg polite.svg");
  SetAction(command, session, options, &RunSweep);
}

}  // namespace steer
