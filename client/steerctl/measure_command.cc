#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/csv.h"
#include "client/steerctl/json.h"
#include "client/steerctl/table.h"
#include "client/steerctl/text_options.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

Table MeasureTable(bool choices) {
  const auto right = Table::Align::kRight;
  std::vector<Table::Column> columns = {
      {"multiplier", right}, {"plain NLL", right},  {"words", right},     {"distinct-1", right},
      {"distinct-2", right}, {"fluency", right, 8}, {"repetition", right}};
  if (choices) {
    columns.push_back({"accuracy", right});
    columns.push_back({"matching/not/neither", right});
  }
  return Table(columns);
}

std::vector<std::string> MeasureRow(const v1::TextPoint& point) {
  const v1::TextMeasures& measures = point.measures();
  std::vector<std::string> cells = {
      absl::StrFormat("%g", point.multiplier()),
      point.has_plain_nll() ? absl::StrFormat("%.4f", point.plain_nll()) : "-",
      absl::StrCat(measures.words()),
      absl::StrFormat("%.3f", measures.distinct_1()),
      absl::StrFormat("%.3f", measures.distinct_2()),
      absl::StrFormat("%.3f", measures.fluency()),
      absl::StrFormat("%.3f", measures.repetition())};
  if (!point.has_choices()) return cells;
  const v1::ChoiceCounts& choices = point.choices();
  cells.push_back(choices.has_accuracy() ? absl::StrFormat("%.3f", choices.accuracy()) : "-");
  cells.push_back(
      absl::StrFormat("%d/%d/%d", choices.matching(), choices.not_matching(), choices.neither()));
  return cells;
}

std::string CsvHeader() {
  return CsvLine({"multiplier", "texts", "plain_nll", "words", "distinct_1", "distinct_2",
                  "distinct_3", "entropy_2", "entropy_3", "fluency", "repetition", "matching",
                  "not_matching", "neither", "accuracy"});
}

std::string CsvRow(const v1::TextPoint& point) {
  const v1::TextMeasures& measures = point.measures();
  std::vector<std::string> fields;
  const auto add = [&](bool defined, double value) {
    fields.push_back(defined ? CsvField(value) : "");
  };
  add(true, point.multiplier());
  add(true, point.texts());
  add(point.has_plain_nll(), point.plain_nll());
  for (const double value : {static_cast<double>(measures.words()), measures.distinct_1(),
                             measures.distinct_2(), measures.distinct_3(), measures.entropy_2(),
                             measures.entropy_3(), measures.fluency(), measures.repetition()}) {
    add(true, value);
  }
  const v1::ChoiceCounts& choices = point.choices();
  for (const int count : {choices.matching(), choices.not_matching(), choices.neither()})
    add(point.has_choices(), count);
  add(choices.has_accuracy(), choices.accuracy());
  return CsvLine(fields);
}

// What a text chose, behind it.
std::string ChosenText(v1::Chosen chosen) {
  switch (chosen) {
    case v1::CHOSE_MATCHING:
      return "    (matching)\n";
    case v1::CHOSE_NOT_MATCHING:
      return "    (not matching)\n";
    case v1::CHOSE_NEITHER:
      return "    (neither)\n";
    default:
      return "";
  }
}

void ShowPoint(const Table& table, const MeasureOptions& options, const v1::TextPoint& point) {
  Print(options.csv ? CsvRow(point) : table.Row(MeasureRow(point)));
  for (const v1::MeasuredText& sample : point.samples()) {
    Print(absl::StrCat("  ", sample.question(), "\n    ", sample.text(), "\n",
                       ChosenText(sample.chosen())));
  }
}

absl::Status RunMeasure(const Session& session, const MeasureOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::MeasureTextRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  const Table table = MeasureTable(options.choices);
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  bool first = true;
  const auto show = [&](const v1::TextPoint& point) {
    if (session.json) {
      points.push_back(ToJson(point));
      return true;
    }
    if (first) Print(options.csv ? CsvHeader() : table.Heading());
    first = false;
    ShowPoint(table, options, point);
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
      "With --choices: which of its pair's answers each text begins with, the matching one being\n"
      "the positive; accuracy is matching / (matching + not matching).\n"
      "Example: steerctl measure questions.jsonl --signal polite=1 --multipliers=0,2,4,8");
  SetAction(command, session, options, &RunMeasure);
}

}  // namespace steer
