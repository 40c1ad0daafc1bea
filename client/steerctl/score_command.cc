#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/pairs_file.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/generation_options.h"
#include "client/steerctl/json.h"
#include "client/steerctl/table.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct ScoreOptions {
  std::string pairs_path;
  ControlOptions controls;
  std::vector<double> multipliers;
  std::string system;
  bool raw = false;
  bool sum = false;
  bool per_pair = false;
  std::string end_of_turn;  // "", "yes" or "no"
};

absl::StatusOr<v1::ScoreRequest> ToRequest(const ScoreOptions& options) {
  v1::ScoreRequest request;
  const auto pairs = ReadPairs(options.pairs_path);
  if (!pairs.ok()) return UsageError(pairs.status());
  request.mutable_pairs()->Add(pairs->begin(), pairs->end());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Control> controls, ToControls(options.controls));
  request.mutable_controls()->Add(controls.begin(), controls.end());
  request.mutable_multipliers()->Add(options.multipliers.begin(), options.multipliers.end());
  request.set_system(options.system);
  request.set_raw(options.raw);
  if (!options.end_of_turn.empty()) request.set_end_of_turn(options.end_of_turn == "yes");
  request.set_omit_pairs(!options.per_pair);
  return request;
}

Table ScoreTable() {
  const auto right = Table::Align::kRight;
  return Table({{"multiplier", right},
                {"preference", right, 10},
                {"utility", right, 10},
                {"valid", right, 11},
                {"preference > 0", right}});
}

std::vector<std::string> ScoreRow(const v1::ScorePoint& point, const v1::OddsAggregate& odds,
                                  int pairs) {
  return {absl::StrFormat("%g", point.multiplier()), absl::StrFormat("%+.4f", odds.preference()),
          odds.has_utility() ? absl::StrFormat("%+.4f", odds.utility()) : "-",
          absl::StrFormat("%d/%d", odds.utility_valid(), pairs),
          absl::StrFormat("%.0f %%", 100 * odds.preference_positive_rate())};
}

std::string SlopeLine(const v1::ScoreSummary& summary) {
  if (!summary.has_slope()) {
    return "slope of the preference at 0: needs multipliers on both sides of 0\n";
  }
  const v1::PreferenceSlope& slope = summary.slope();
  return absl::StrFormat(
      "slope of the preference at 0: %+.4f per multiplier, 95 %% interval %+.4f .. %+.4f (from %g "
      "to %g, means)\n",
      slope.slope(), slope.interval_low(), slope.interval_high(), slope.low_multiplier(),
      slope.high_multiplier());
}

absl::Status RunScore(const Session& session, const ScoreOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::ScoreRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  const std::stop_token stop = session.interrupt->Arm();

  const Table table = ScoreTable();
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  bool first = true;
  const auto on_point = [&](const v1::ScorePoint& point) {
    if (session.json) {
      points.push_back(ToJson(point));
      return true;
    }
    if (first) Print(table.Heading());
    first = false;
    Print(
        table.Row(ScoreRow(point, options.sum ? point.sum() : point.mean(), request.pairs_size())));
    return true;
  };
  STEER_ASSIGN_OR_RETURN(const v1::ScoreSummary summary, client->Score(request, on_point, stop));
  if (session.json) {
    Print(Dump({{"points", std::move(points)}, {"summary", ToJson(summary)}}));
    return absl::OkStatus();
  }
  Print(absl::StrCat(SlopeLine(summary), summary.pairs(), " pairs; log-odds of ",
                     options.sum ? "sums over the answers' tokens\n" : "means per answer token\n"));
  return absl::OkStatus();
}

}  // namespace

void AddScoreCommand(CLI::App& app, Session& session) {
  CLI::App& command =
      *app.add_subcommand("score", "Measure what signals do to polar pairs: preference, utility");
  const auto options = std::make_shared<ScoreOptions>();
  command
      .add_option("file", options->pairs_path,
                  "JSON lines {\"question\", \"positive\", \"negative\"}; - is standard input")
      ->required();
  AddControlOptions(command, options->controls);
  command
      .add_option("--multipliers", options->multipliers,
                  "Each multiplies every signal's own; default: 1")
      ->type_name("M,M,..")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_flag("--sum", options->sum, "Show losses summed over tokens, not their means");
  command.add_option("--system", options->system, "System message; default: the template's own");
  CLI::Option* raw = command.add_flag("--raw", options->raw, "No chat template");
  raw->excludes("--system");
  command
      .add_option("--end-of-turn", options->end_of_turn,
                  "Whether answers end with the template's end of turn;\ndefault: yes with a chat "
                  "template")
      ->type_name("yes|no")
      ->check(CLI::IsMember({"yes", "no"}).description(""));
  command.add_flag("--pairs", options->per_pair, "Each pair's scores too (with --json)")
      ->needs(command.get_parent()->get_option("--json"));
  command.footer(
      "Preference: how much likelier the positive answers are than the negative ones.\n"
      "Utility: how likely the two are at all; not valid where their masses reach 1.\n"
      "Natural log-odds, means over pairs.\n"
      "Example: steerctl score pairs.jsonl --signal polite=1 --multipliers=-4,-2,0,2,4");
  SetAction(command, session, options, &RunScore);
}

}  // namespace steer
