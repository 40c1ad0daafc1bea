#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/json.h"
#include "client/steerctl/manifold_text.h"
#include "client/steerctl/progress.h"
#include "client/steerctl/text_options.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::Status RunManifold(const Session& session, const ManifoldOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::ViewManifoldRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  const std::stop_token stop = session.interrupt->Arm();
  const bool curve = !options.curve_id.empty();
  const Table table = ManifoldTable(curve);
  Progress progress;
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  bool first = true;
  Client::ManifoldEvents events;
  events.on_progress = [&](const v1::ScoreProgress& now) {
    return progress.Show("reading activations", now.done(), now.total());
  };
  events.on_point = [&](const v1::ManifoldPoint& point) {
    progress.Clear();
    if (session.json) {
      points.push_back(ToJson(point));
      return true;
    }
    if (first) Print(options.csv ? ManifoldCsvHeader() : table.Heading());
    first = false;
    Print(options.csv ? ManifoldCsvLine(point) : table.Row(ManifoldRow(point, curve)));
    return true;
  };
  const absl::StatusOr<v1::ManifoldSummary> summary = client->ViewManifold(request, events, stop);
  progress.Clear();
  STEER_RETURN_IF_ERROR(summary.status());
  if (session.json) {
    Print(Dump({{"points", std::move(points)}, {"summary", ToJson(*summary)}}));
  } else if (options.csv) {
    ShowNote(ManifoldText(*summary));
  } else {
    Print(absl::StrCat(ManifoldText(*summary), "\n"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddManifoldCommand(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand(
      "manifold", "How far a signal takes activations from where the plain model's lie");
  const auto options = std::make_shared<ManifoldOptions>();
  AddManifoldOptions(command, *options);
  command.footer(
      "Norm: of the site's activations, as a multiple of the plain ones', token by token: mean, "
      "and\n"
      "the range of nine tenths. Distance: from the plain activations' principal components; x "
      "plain\n"
      "is its mean as a multiple of the plain activations' own. Inside: what of the change lies\n"
      "along these components. D: of the curve's laws, where it was measured.\n"
      "Example: steerctl manifold questions.jsonl --signal polite --multipliers=-8,-4,0,4,8 "
      "--curve ID");
  SetAction(command, session, options, &RunManifold);
}

}  // namespace steer
