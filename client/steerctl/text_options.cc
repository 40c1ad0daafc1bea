#include "client/steerctl/text_options.h"

#include "client/pairs_file.h"
#include "client/steerctl/analysis_options.h"
#include "client/steerctl/command_line.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

void AddQuestionOptions(CLI::App& command, QuestionOptions& options) {
  command
      .add_option("file", options.path,
                  "JSON lines {\"question\"}, pairs will do; - is standard input")
      ->required();
  command.add_option("--system", options.system, "System message; default: the template's own");
  command.add_flag("--raw", options.raw, "No chat template")->excludes("--system");
}

// Of MeasureTextRequest and ViewManifoldRequest.
template <typename Request>
void SetQuestions(const QuestionOptions& options, const std::vector<std::string>& questions,
                  Request& request) {
  for (const std::string& question : questions) request.add_questions(question);
  request.set_system(options.system);
  request.set_raw(options.raw);
}

void AddSamplingOptions(CLI::App& command, v1::Sampling& sampling) {
  command
      .add_option_function<int32_t>(
          "--max-tokens", [&sampling](const int32_t& count) { sampling.set_max_tokens(count); },
          "Tokens of a text; default: 64")
      ->type_name("N");
  command
      .add_option_function<double>(
          "--temperature", [&sampling](const double& value) { sampling.set_temperature(value); },
          "0 is greedy; default: the model's own")
      ->type_name("T");
  command
      .add_option_function<uint64_t>(
          "--seed", [&sampling](const uint64_t& seed) { sampling.set_seed(seed); },
          "Of the first question; the next has the next; default: 1")
      ->type_name("N");
}

// The pairs' answers are the options that a text is to choose from.
absl::Status SetChoices(const MeasureOptions& options, v1::MeasureTextRequest& request) {
  const auto pairs = ReadPairs(options.questions.path);
  if (!pairs.ok()) return UsageError(pairs.status());
  std::vector<std::string> questions;
  for (const v1::PolarPair& pair : *pairs) {
    questions.push_back(pair.question());
    v1::AnswerChoice& choice = *request.add_choices();
    choice.set_matching(pair.positive());
    choice.set_not_matching(pair.negative());
  }
  SetQuestions(options.questions, questions, request);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> QuestionsIn(const std::string& path) {
  auto questions = ReadQuestions(path);
  if (!questions.ok()) return UsageError(questions.status());
  return questions;
}

void AddMeasureOptions(CLI::App& command, MeasureOptions& options) {
  AddQuestionOptions(command, options.questions);
  AddControlOptions(command, options.controls);
  AddMultipliers(command, options.multipliers, "Each multiplies every signal's own; default: 1");
  AddSamplingOptions(command, options.sampling);
  command.add_flag("--choices", options.choices,
                   "The file holds pairs, and each text is to begin with one of\nits pair's "
                   "answers, such as \" Yes\" or \"(A)\"");
  CLI::Option* texts = command.add_flag("--texts", options.texts, "Show the texts, too");
  AddCsvFlag(command, options.csv, "A line of numbers per multiplier");
  texts->excludes(command.get_option("--csv"));
}

absl::StatusOr<v1::MeasureTextRequest> ToRequest(const MeasureOptions& options) {
  v1::MeasureTextRequest request;
  if (options.choices) {
    STEER_RETURN_IF_ERROR(SetChoices(options, request));
  } else {
    STEER_ASSIGN_OR_RETURN(const auto questions, QuestionsIn(options.questions.path));
    SetQuestions(options.questions, questions, request);
  }
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Control> controls, ToControls(options.controls));
  request.mutable_controls()->Add(controls.begin(), controls.end());
  request.mutable_multipliers()->Add(options.multipliers.begin(), options.multipliers.end());
  *request.mutable_sampling() = options.sampling;
  request.set_omit_texts(!options.texts);
  return request;
}

void AddManifoldOptions(CLI::App& command, ManifoldOptions& options) {
  AddQuestionOptions(command, options.questions);
  AddSignalAlone(command, options.control, "Of which signal (alias or id), without a multiplier",
                 "--multipliers has");
  AddPositionOptions(command, options.control);
  AddMultipliers(command, options.multipliers, "Look at these");
  command.get_option("--multipliers")->required();
  command
      .add_option("--site", options.site,
                  "Where to look; default: layers.N.block_out of the lowest\nblock that the signal "
                  "steers")
      ->type_name("SITE");
  CLI::Option* components =
      command.add_option("--components", options.components, "Principal components of the plane");
  components->type_name("N");
  command
      .add_option("--explained", options.explained_share,
                  "Or as many as explain so much of the variance; default: 0.9")
      ->type_name("SHARE")
      ->excludes(components);
  command.add_option("--curve", options.curve_id, "Tell D(m) of this curve of the signal, too")
      ->type_name("ID");
  AddCsvFlag(command, options.csv, "A line of numbers per multiplier");
}

absl::StatusOr<v1::ViewManifoldRequest> ToRequest(const ManifoldOptions& options) {
  v1::ViewManifoldRequest request;
  STEER_ASSIGN_OR_RETURN(const auto questions, QuestionsIn(options.questions.path));
  SetQuestions(options.questions, questions, request);
  STEER_ASSIGN_OR_RETURN(*request.mutable_control(),
                         ToControl(options.control, options.control.signals.front()));
  request.mutable_multipliers()->Add(options.multipliers.begin(), options.multipliers.end());
  request.set_site(options.site);
  request.set_curve_id(options.curve_id);
  if (options.components) request.set_components(*options.components);
  if (options.explained_share) request.set_explained_share(*options.explained_share);
  return request;
}

}  // namespace steer
