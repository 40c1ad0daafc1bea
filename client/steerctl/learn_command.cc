#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/pairs_file.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/extraction_options.h"
#include "client/steerctl/job_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/progress.h"
#include "client/steerctl/training_options.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct LearnOptions {
  std::string pairs_path;
  std::string held_out_path;
  std::string method = ExtractionMethods().front();
  std::vector<std::string> settings;  // of the method, "NAME=VALUE"
  ExtractionOptions extraction;
  TrainingOptions training;
  std::string alias;
  std::optional<int> layer;
  std::string system;
  std::vector<std::string> labels;  // checked by ParseLabel while the command line is read
  std::string description;
};

bool IsExtraction(const std::string& method) {
  return std::find(ExtractionMethods().begin(), ExtractionMethods().end(), method) !=
         ExtractionMethods().end();
}

absl::Status SetLearner(const LearnOptions& options, v1::StartJobRequest& request) {
  if (IsExtraction(options.method)) {
    absl::StatusOr<v1::Extraction> learner =
        ToExtraction(options.method, options.settings, options.extraction);
    if (!learner.ok()) return UsageError(learner.status());
    if (options.layer) learner->set_layer(*options.layer);
    *request.mutable_extraction() = *std::move(learner);
    return absl::OkStatus();
  }
  for (const auto& [name, value] : {std::pair("--reading", options.extraction.reading),
                                    std::pair("--normalise", options.extraction.normalisation)}) {
    if (!value) continue;
    return UsageError(InvalidField(name, absl::StrCat(*value, " with --method ", options.method),
                                   absl::StrJoin(ExtractionMethods(), ", ")));
  }
  TrainingOptions training = options.training;
  if (options.layer) {
    training.sites = {absl::StrCat("layers.", *options.layer, ".block_out",
                                   training.kind == "vector" ? "" : "=mlp_mid")};
  }
  absl::StatusOr<v1::Training> learner = ToTraining(options.method, options.settings, training);
  if (!learner.ok()) return UsageError(learner.status());
  *request.mutable_training() = *std::move(learner);
  return absl::OkStatus();
}

absl::StatusOr<v1::StartJobRequest> ToRequest(const LearnOptions& options) {
  v1::StartJobRequest request;
  const auto pairs = ReadPairs(options.pairs_path);
  if (!pairs.ok()) return UsageError(pairs.status());
  request.mutable_pairs()->Add(pairs->begin(), pairs->end());
  if (!options.held_out_path.empty()) {
    const auto held_out = ReadPairs(options.held_out_path);
    if (!held_out.ok()) return UsageError(held_out.status());
    request.mutable_held_out()->Add(held_out->begin(), held_out->end());
  }
  STEER_RETURN_IF_ERROR(SetLearner(options, request));
  request.set_system(options.system);
  request.set_alias(options.alias);
  request.set_description(options.description);
  for (const std::string& text : options.labels) {
    STEER_ASSIGN_OR_RETURN(const auto label, ParseLabel(text));
    (*request.mutable_labels())[label.first] = label.second;
  }
  return request;
}

absl::Status RunLearn(const Session& session, const LearnOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::StartJobRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  const std::stop_token stop = session.interrupt->Arm();
  STEER_ASSIGN_OR_RETURN(v1::Job job, client->StartJob(request));

  Progress progress;
  const auto on_change = [&](const v1::Job& now) {
    return progress.Show(StateText(now.state()), now.done(), now.total(), TrainingText(now));
  };
  absl::StatusOr<v1::Job> watched = client->WatchJob(job.id(), on_change, stop);
  progress.End();
  if (stop.stop_requested()) {
    STEER_ASSIGN_OR_RETURN(job, client->CancelJob(job.id()));
    // It ends between two examples or steps.
    STEER_ASSIGN_OR_RETURN(job, client->WatchJob(job.id(), [](const v1::Job&) { return true; }));
    Print(session.json ? Dump(ToJson(job)) : Details(job));
    return absl::CancelledError("interrupted");
  }
  if (!watched.ok()) {
    return Annotate(watched.status(),
                    absl::StrCat(job.id(), " goes on ('steerctl jobs show ", job.id(), "')"));
  }
  job = *std::move(watched);
  Print(session.json ? Dump(ToJson(job)) : Details(job));
  if (job.state() == v1::Job::SUCCEEDED) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the job ", StateText(job.state()),
                                         job.error().empty() ? "" : ": ", job.error()));
}

}  // namespace

void AddLearnCommand(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand("learn", "Make a signal from polar pairs");
  const auto options = std::make_shared<LearnOptions>();
  command
      .add_option("file", options->pairs_path,
                  "JSON lines {\"question\", \"positive\", \"negative\"}; - is standard input")
      ->required();
  std::vector<std::string> methods = ExtractionMethods();
  methods.insert(methods.end(), ObjectiveNames().begin(), ObjectiveNames().end());
  command.add_option("--method", options->method, "How; default: difference_of_means")
      ->check(CLI::IsMember(methods));
  command
      .add_option("--set", options->settings,
                  "A setting of the method, such as gamma=6 or l2=0.1; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return CheckText(ParseLabel(text).status()); });
  command.add_option("--held-out", options->held_out_path,
                     "Other pairs, on which its dose curve is measured, kept and fitted");
  command.add_option("--alias", options->alias, "Move this name to the new signal");
  command.add_option("--layer", options->layer,
                     "0-based; default: the middle layer. At its block_out, read mlp_mid");
  command.add_option("--system", options->system, "System message; default: the template's own");
  command.add_option("--label", options->labels, "A label; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return CheckText(ParseLabel(text).status()); });
  command.add_option("--description", options->description, "What it does");
  AddExtractionOptions(command, options->extraction);
  AddTrainingOptions(command, options->training);
  command.footer(
      "The first three methods make a vector of the activations behind positive and negative\n"
      "answers: the difference of their means, the direction in which they differ most\n"
      "(principal_component), that which tells them apart best (linear_probe). The others train\n"
      "a signal by gradients. Ctrl-C cancels the job.\n"
      "Example: steerctl learn pairs.jsonl --alias polite --layer 14\n"
      "         steerctl learn choices.jsonl --method linear_probe --reading answer_letter\n"
      "         steerctl learn pairs.jsonl --alias polite --method split --kind lora --steps 100");
  SetAction(command, session, options, &RunLearn);
}

}  // namespace steer
