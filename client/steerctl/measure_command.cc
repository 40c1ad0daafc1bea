#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/analysis_options.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/json.h"
#include "client/steerctl/table.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

Table MeasureTable() {
  const auto right = Table::Align::kRight;
  return Table({{"multiplier", right},
                {"plain NLL", right},
                {"words", right},
                {"distinct-1", right},
                {"distinct-2", right},
                {"fluency", right, 8},
                {"repetition", right}});
}

std::vector<std::string> MeasureRow(const v1::TextPoint& point) {
  const v1::TextMeasures& measures = point.measures();
  return {absl::StrFormat("%g", point.multiplier()),
          point.has_plain_nll() ? absl::StrFormat("%.4f", point.plain_nll()) : "-",
          absl::StrCat(measures.words()),
          absl::StrFormat("%.3f", measures.distinct_1()),
          absl::StrFormat("%.3f", measures.distinct_2()),
          absl::StrFormat("%.3f", measures.fluency()),
          absl::StrFormat("%.3f", measures.repetition())};
}

absl::Status RunMeasure(const Session& session, const MeasureOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::MeasureTextRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  const Table table = MeasureTable();
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  bool first = true;
  const auto show = [&](const v1::TextPoint& point) {
    if (session.json) {
      points.push_back(ToJson(point));
      return true;
    }
    if (first) Print(table.Heading());
    first = false;
    Print(table.Row(MeasureRow(point)));
    for (const v1::MeasuredText& sample : point.samples())
      Print(absl::StrCat("  ", sample.question(), "\n    ", sample.text(), "\n"));
    return true;
  };
  STEER_RETURN_IF_ERROR(client->MeasureText(request, show, session.interrupt->Arm()));
  if (session.json) Print(Dump({{"points", std::move(points)}}));
  return absl::OkStatus();
}

}  // namespace

void AddMeasureCommand(CLI::App& app, Session& session) {
  CLI::App& command =
      *app.add_subcommand("measure", "Generate texts under signals and measure how they read");
  const auto options = std::make_shared<MeasureOptions>();
  AddMeasureOptions(command, *options);
  command.footer(
      "Plain NLL: how surprised the plain model is, nats per token; means over texts.\n"
      "Distinct n-grams by words, n-gram entropy (fluency), the share of repeated 4-grams.\n"
      "Example: steerctl measure questions.jsonl --signal polite=1 --multipliers=0,2,4,8");
  SetAction(command, session, options, &RunMeasure);
}

}  // namespace steer
