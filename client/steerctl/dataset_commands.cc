#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/completed_rows.h"
#include "client/steerctl/json.h"
#include "client/steerctl/output_file.h"
#include "client/steerctl/table.h"
#include "core/base/status_macros.h"
#include "core/files/mapped_file.h"

namespace steer {
namespace {

struct FileOptions {
  std::string path;
  std::string format;  // "", "jsonl" or "csv"
  std::string name, description;
  std::string question, positive, negative, negative_question;
  bool trim = false;
};

struct CompleteOptions {
  std::string path, output;
  int max_tokens = 64, words = 0;
};

struct ListOptions {};

struct NameOptions {
  std::string name;
};

std::string Details(const v1::Dataset& dataset) {
  return Listing({{"id", dataset.id()},
                  {"name", dataset.name()},
                  {"rows", absl::StrCat(dataset.rows())},
                  {"size", BytesText(dataset.bytes())},
                  {"created", absl::StrCat(TimeText(dataset.created_unix_ms()), " UTC")},
                  {"description", dataset.description()}});
}

absl::Status RunUpload(const Session& session, const FileOptions& options) {
  v1::UploadDatasetHeader header;
  const bool csv = options.format.empty() ? absl::EndsWithIgnoreCase(options.path, ".csv")
                                          : options.format == "csv";
  header.set_format(csv ? v1::UploadDatasetHeader::CSV : v1::UploadDatasetHeader::JSON_LINES);
  header.set_name(options.name);
  header.set_description(options.description);
  header.set_question(options.question);
  header.set_positive(options.positive);
  header.set_negative(options.negative);
  header.set_negative_question(options.negative_question);
  header.set_trim(options.trim);
  const auto file = MappedFile::Open(options.path);
  if (!file.ok()) return UsageError(file.status());
  const auto bytes = (*file)->bytes();
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(
      const v1::Dataset dataset,
      client->UploadDataset(
          absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), header));
  Print(session.json ? Dump(ToJson(dataset)) : Details(dataset));
  return absl::OkStatus();
}

// The plain model's greedy answers to all questions.
absl::StatusOr<std::vector<std::string>> PlainAnswers(Client& client,
                                                      const std::vector<std::string>& questions,
                                                      int max_tokens, const std::stop_token& stop) {
  constexpr size_t kMostQuestions = 1000;  // of one call
  std::vector<std::string> answers;
  for (size_t begin = 0; begin < questions.size(); begin += kMostQuestions) {
    v1::MeasureTextRequest request;
    const size_t end = std::min(questions.size(), begin + kMostQuestions);
    for (size_t i = begin; i < end; ++i) request.add_questions(questions[i]);
    request.mutable_sampling()->set_temperature(0);
    request.mutable_sampling()->set_max_tokens(max_tokens);
    const auto take = [&answers](const v1::TextPoint& point) {
      for (const v1::MeasuredText& text : point.samples()) answers.push_back(text.text());
      return true;
    };
    STEER_RETURN_IF_ERROR(client.MeasureText(request, take, stop));
  }
  if (answers.size() == questions.size()) return answers;
  return absl::InternalError("the server has answered other questions");
}

absl::Status RunComplete(const Session& session, const CompleteOptions& options) {
  std::ifstream file(options.path);
  if (!file) return UsageError(absl::NotFoundError(options.path + ": cannot be opened"));
  const auto rows = ReadOpenRows(file, options.path);
  if (!rows.ok()) return UsageError(rows.status());
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(
      const std::vector<std::string> answers,
      PlainAnswers(*client, rows->questions, options.max_tokens, session.interrupt->Arm()));
  int left_out = 0;
  const std::string text = Complete(*rows, answers, options.words, left_out);
  if (options.output.empty()) {
    Print(text);
  } else {
    STEER_RETURN_IF_ERROR(ReplaceFile(options.output, text));
  }
  std::fprintf(stderr, "%zu rows completed, %d left out, %zu as they were\n",
               rows->open.size() - static_cast<size_t>(left_out), left_out,
               rows->rows.size() - rows->open.size());
  return absl::OkStatus();
}

absl::Status RunList(const Session& session, const ListOptions&) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Dataset> datasets, client->ListDatasets());
  if (session.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const v1::Dataset& dataset : datasets) json.push_back(ToJson(dataset));
    Print(Dump(json));
    return absl::OkStatus();
  }
  if (datasets.empty()) {
    Print("No data sets yet; 'steerctl dataset upload' brings one.\n");
    return absl::OkStatus();
  }
  Table table({{"NAME"},
               {"ROWS", Table::Align::kRight},
               {"SIZE", Table::Align::kRight},
               {"CREATED (UTC)"},
               {"ID"}});
  for (const v1::Dataset& dataset : datasets) {
    table.Add({dataset.name(), absl::StrCat(dataset.rows()), BytesText(dataset.bytes()),
               TimeText(dataset.created_unix_ms()), dataset.id()});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

absl::Status RunShow(const Session& session, const NameOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Dataset dataset, client->GetDataset(options.name));
  Print(session.json ? Dump(ToJson(dataset)) : Details(dataset));
  return absl::OkStatus();
}

absl::Status RunRemove(const Session& session, const NameOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  // The server deletes by id alone; a name means what it points to now, and that is shown.
  STEER_ASSIGN_OR_RETURN(const v1::Dataset dataset, client->GetDataset(options.name));
  STEER_RETURN_IF_ERROR(client->DeleteDataset(dataset.id()));
  Print(session.json ? Dump({{"deleted", dataset.id()}})
                     : absl::StrCat("Deleted ", dataset.id(), "\n"));
  return absl::OkStatus();
}

void AddUpload(CLI::App& group, Session& session) {
  CLI::App& command = *group.add_subcommand("upload", "Bring a data set to the server");
  const auto options = std::make_shared<FileOptions>();
  command.add_option("file", options->path, "JSON lines, or CSV with a header")->required();
  command.add_option("--name", options->name, "What it is called; moves from another data set");
  command.add_option("--format", options->format, "Default: csv for *.csv, else jsonl")
      ->check(CLI::IsMember({"jsonl", "csv"}));
  command.add_option("--question", options->question, "Column of the questions")
      ->type_name("COLUMN");
  command.add_option("--positive", options->positive, "Column of the positive answers")
      ->type_name("COLUMN");
  command.add_option("--negative", options->negative, "Column of the negative answers")
      ->type_name("COLUMN");
  command
      .add_option("--negative-question", options->negative_question,
                  "Column of the negative answers' own questions, if they have any")
      ->type_name("COLUMN");
  command.add_flag("--trim", options->trim, "Take white space off both ends of answers");
  command.add_option("--description", options->description, "What it is");
  command.footer(
      "Columns that are not named are looked for: question, input or positive_input; positive,\n"
      "matching, answer_matching_behavior, output or positive_output; negative, not_matching,\n"
      "answer_not_matching_behavior or negative_output; negative_question or negative_input; or\n"
      "A, B and matching, which says which is positive.\n"
      "All others become labels, by which rows can be chosen.\n"
      "Example: steerctl dataset upload power_seeking.csv --name power");
  SetAction(command, session, options, &RunUpload);
}

void AddComplete(CLI::App& group, Session& session) {
  CLI::App& command = *group.add_subcommand(
      "complete", "Give rows without a negative answer the plain model's, as a file to upload");
  const auto options = std::make_shared<CompleteOptions>();
  command.add_option("file", options->path, "JSON lines; columns as upload looks for them")
      ->required();
  command.add_option("--output", options->output, "Where to; default: standard output")
      ->type_name("FILE");
  command.add_option("--max-tokens", options->max_tokens, "Of an answer; default: 64")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--words", options->words,
                  "Both answers of a completed row end after so many words; default: as they are")
      ->check(CLI::PositiveNumber);
  command.footer(
      "Answers are greedy. Rows whose answers come out alike or empty are left out.\n"
      "Example: steerctl dataset complete concept.jsonl --words 32 --output pairs.jsonl");
  SetAction(command, session, options, &RunComplete);
}

}  // namespace

void AddDatasetCommands(CLI::App& app, Session& session) {
  CLI::App& group = *app.add_subcommand("dataset", "Data sets that the server keeps");
  group.require_subcommand(1);
  group.footer("Example: steerctl dataset list");
  AddUpload(group, session);
  AddComplete(group, session);
  CLI::App& list = *group.add_subcommand("list", "All data sets, newest first");
  list.footer("Example: steerctl dataset list --json");
  SetAction(list, session, std::make_shared<ListOptions>(), &RunList);
  const auto add = [&](const char* name, const char* help,
                       absl::Status (*run)(const Session&, const NameOptions&)) {
    CLI::App& command = *group.add_subcommand(name, help);
    const auto options = std::make_shared<NameOptions>();
    command.add_option("name", options->name, "Name or id")->required();
    command.footer(absl::StrCat("Example: steerctl dataset ", name, " power"));
    SetAction(command, session, options, run);
  };
  add("show", "One data set in full", &RunShow);
  add("rm", "Delete a data set; refused while an unfinished job needs it", &RunRemove);
}

}  // namespace steer
