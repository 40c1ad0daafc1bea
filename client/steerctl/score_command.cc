#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/analysis_options.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/curve_csv.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/progress.h"
#include "client/steerctl/table.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

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

std::string SlopeText(const v1::ScoreSummary& summary) {
  if (!summary.has_slope()) {
    return "slope of the preference at 0: needs multipliers on both sides of 0";
  }
  const v1::PreferenceSlope& slope = summary.slope();
  return absl::StrFormat(
      "slope of the preference at 0: %+.4f per multiplier, 95 %% interval %+.4f .. %+.4f (from %g "
      "to %g, means)",
      slope.slope(), slope.interval_low(), slope.interval_high(), slope.low_multiplier(),
      slope.high_multiplier());
}

// Points as they come: rows, lines of CSV, or kept for JSON.
class Points {
 public:
  Points(const ScoreOptions& options, bool json, int pairs)
      : options_(options), json_(json), pairs_(pairs) {}

  void Show(const v1::ScorePoint& point) {
    if (json_) {
      kept_.push_back(ToJson(point));
      return;
    }
    if (first_) Print(options_.csv ? ScoreCsvHeader() : table_.Heading());
    first_ = false;
    Print(options_.csv
              ? ScoreCsvLine(point, pairs_)
              : table_.Row(ScoreRow(point, options_.sum ? point.sum() : point.mean(), pairs_)));
  }

  nlohmann::ordered_json kept() && { return std::move(kept_); }

 private:
  const ScoreOptions& options_;
  const bool json_;
  const int pairs_;
  const Table table_ = ScoreTable();
  nlohmann::ordered_json kept_ = nlohmann::ordered_json::array();
  bool first_ = true;
};

absl::Status RunScore(const Session& session, const ScoreOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::ScoreRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  const std::stop_token stop = session.interrupt->Arm();

  Progress progress;
  Points points(options, session.json, request.pairs_size());
  AnalysisEvents events;
  events.on_progress = [&](const v1::ScoreProgress& now) {
    return progress.Show("scoring", now.done(), now.total());
  };
  events.on_point = [&](const v1::ScorePoint& point) {
    progress.Clear();
    points.Show(point);
    return true;
  };
  const absl::StatusOr<v1::ScoreSummary> summary = client->Score(request, events, stop);
  progress.Clear();
  STEER_RETURN_IF_ERROR(summary.status());
  if (session.json) {
    Print(Dump({{"points", std::move(points).kept()}, {"summary", ToJson(*summary)}}));
    return absl::OkStatus();
  }
  if (options.csv) {
    ShowNote(SlopeText(*summary));
    return absl::OkStatus();
  }
  Print(absl::StrCat(SlopeText(*summary), "\n", summary->pairs(), " pairs; log-odds of ",
                     ModeText(options.sum ? v1::SUM : v1::MEAN), "\n"));
  return absl::OkStatus();
}

}  // namespace

void AddScoreCommand(CLI::App& app, Session& session) {
  CLI::App& command =
      *app.add_subcommand("score", "Measure what signals do to polar pairs: preference, utility");
  const auto options = std::make_shared<ScoreOptions>();
  AddScoreOptions(command, *options);
  command.get_option("--pairs")->needs(command.get_parent()->get_option("--json"));
  command.footer(
      "Preference: how much likelier the positive answers are than the negative ones.\n"
      "Utility: how likely the two are at all; not valid where their masses reach 1.\n"
      "Natural log-odds, means over pairs.\n"
      "Example: steerctl score pairs.jsonl --signal polite=1 --multipliers=-4,-2,0,2,4");
  SetAction(command, session, options, &RunScore);
}

}  // namespace steer
