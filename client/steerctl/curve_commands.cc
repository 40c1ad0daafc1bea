#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/analysis_options.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/curve_csv.h"
#include "client/steerctl/curve_output.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/json.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct ListOptions {
  std::string signal;
};

struct CurveOptions {
  std::string id;
  bool csv = false;
};

absl::Status RunFit(const Session& session, const FitOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::FitCurveRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::FitCurveResponse fit, client->FitCurve(request));
  if (session.json) {
    Print(Dump(ToJson(fit)));
  } else {
    if (options.csv) Print(FittedCsv(fit));
    ShowFit(fit, request.mode(), options.csv);
  }
  if (options.svg_path.empty()) return absl::OkStatus();
  const std::string name = NameOfSignal(*client, fit.curve().signal_id());
  return WriteSvg(CurvePlot{fit.curve(), request.mode(), name, fit, std::nullopt},
                  options.svg_path);
}

absl::Status RunRecommend(const Session& session, const RecommendOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::RecommendMultiplierRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::RecommendMultiplierResponse told,
                         client->RecommendMultiplier(request));
  Print(session.json ? Dump(ToJson(told)) : RecommendationText(told));
  if (!options.svg_path.empty()) {
    v1::FitCurveRequest fit_request;
    fit_request.set_curve_id(options.curve_id);
    // A recommendation speaks of means.
    fit_request.set_mode(v1::MEAN);
    STEER_ASSIGN_OR_RETURN(const v1::FitCurveResponse fit, client->FitCurve(fit_request));
    const std::string name = NameOfSignal(*client, fit.curve().signal_id());
    STEER_RETURN_IF_ERROR(
        WriteSvg(CurvePlot{fit.curve(), v1::MEAN, name, fit, told}, options.svg_path));
  }
  if (told.feasible()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrFormat("no multiplier from %.4g to %.4g meets the goal; %.4g comes nearest",
                      told.searched_low(), told.searched_high(), told.multiplier()));
}

absl::Status RunList(const Session& session, const ListOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Curve> curves, client->ListCurves(options.signal));
  if (session.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const v1::Curve& curve : curves) json.push_back(ToJson(curve));
    Print(Dump(json));
    return absl::OkStatus();
  }
  if (curves.empty()) {
    Print("No curves yet; 'steerctl sweep' measures one.\n");
    return absl::OkStatus();
  }
  Print(CurveList(curves).ToString());
  return absl::OkStatus();
}

absl::Status RunShow(const Session& session, const CurveOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Curve curve, client->GetCurve(options.id));
  Print(session.json  ? Dump(ToJson(curve))
        : options.csv ? CurveCsv(curve)
                      : absl::StrCat(Details(curve), "\n",
                                     CurveTable(curve, v1::MEAN, /*valid=*/{}).ToString()));
  return absl::OkStatus();
}

absl::Status RunDelete(const Session& session, const CurveOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_RETURN_IF_ERROR(client->DeleteCurve(options.id));
  Print(session.json ? Dump({{"deleted", options.id}})
                     : absl::StrCat("Deleted ", options.id, "\n"));
  return absl::OkStatus();
}

void AddFit(CLI::App& app, Session& session) {
  CLI::App& command =
      *app.add_subcommand("fit", "Fit the laws of preference and utility to a kept curve");
  const auto options = std::make_shared<FitOptions>();
  AddFitOptions(command, *options);
  command.footer(
      "Preference follows (alpha m + beta) D(m) + b, utility beta D(m) + b: D is the validity "
      "decay,\n"
      "1 at its peak, and one half at the half-validity points.\n"
      "Example: steerctl fit ID --svg polite.svg");
  SetAction(command, session, options, &RunFit);
}

void AddRecommend(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand("recommend", "The multiplier to use, from a kept curve");
  const auto options = std::make_shared<RecommendOptions>();
  AddRecommendOptions(command, *options);
  command.footer(
      "Loss of utility and gain of preference are from multiplier 0, in nats per answer token.\n"
      "Ends with 1 if no multiplier meets the goal, and shows the one that comes nearest.\n"
      "Example: steerctl recommend ID --max-loss 0.1 --svg polite.svg");
  SetAction(command, session, options, &RunRecommend);
}

void AddCurve(CLI::App& group, Session& session, const char* name, const char* help,
              absl::Status (*run)(const Session&, const CurveOptions&)) {
  CLI::App& command = *group.add_subcommand(name, help);
  const auto options = std::make_shared<CurveOptions>();
  command.add_option("id", options->id, "The curve's id")->required();
  if (run == &RunShow) {
    AddCsvFlag(command, options->csv, "A line of numbers per multiplier, means and sums");
  }
  command.footer(absl::StrCat("Example: steerctl curves ", name, " ID"));
  SetAction(command, session, options, run);
}

}  // namespace

void AddCurveCommands(CLI::App& app, Session& session) {
  AddFit(app, session);
  AddRecommend(app, session);
  CLI::App& group = *app.add_subcommand("curves", "Kept dose curves");
  group.require_subcommand(1);
  group.footer("Example: steerctl curves list");
  CLI::App& list = *group.add_subcommand("list", "All curves, newest first");
  const auto options = std::make_shared<ListOptions>();
  list.add_option("--signal", options->signal, "Only of this signal (alias or id)")
      ->type_name("NAME");
  list.footer("Example: steerctl curves list --signal polite");
  SetAction(list, session, options, &RunList);
  AddCurve(group, session, "show", "One curve in full", &RunShow);
  AddCurve(group, session, "delete", "Forget a curve", &RunDelete);
}

}  // namespace steer
