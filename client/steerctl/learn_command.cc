#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/pairs_file.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/job_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/progress.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct LearnOptions {
  std::string pairs_path;
  std::string alias;
  std::optional<int> layer;
  std::string system;
  std::vector<std::string> labels;  // checked by ParseLabel while the command line is read
  std::string description;
};

absl::StatusOr<v1::StartJobRequest> ToRequest(const LearnOptions& options) {
  v1::StartJobRequest request;
  const auto pairs = ReadPairs(options.pairs_path);
  if (!pairs.ok()) return UsageError(pairs.status());
  request.mutable_pairs()->Add(pairs->begin(), pairs->end());
  v1::DifferenceOfMeans& learner = *request.mutable_difference_of_means();
  if (options.layer) learner.set_layer(*options.layer);
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
    return progress.Show(StateText(now.state()), now.done(), now.total());
  };
  absl::StatusOr<v1::Job> watched = client->WatchJob(job.id(), on_change, stop);
  progress.End();
  if (stop.stop_requested()) {
    STEER_ASSIGN_OR_RETURN(job, client->CancelJob(job.id()));
    // It ends between two examples.
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
  command.add_option("--alias", options->alias, "Move this name to the new signal");
  command.add_option("--layer", options->layer, "0-based; default: the middle layer");
  command.add_option("--system", options->system, "System message; default: the template's own");
  command.add_option("--label", options->labels, "A label; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return CheckText(ParseLabel(text).status()); });
  command.add_option("--description", options->description, "What it does");
  command.footer(
      "The signal is a vector: the mean over pairs of the activations after the positive\n"
      "answer minus those after the negative one. Ctrl-C cancels the job.\n"
      "Example: steerctl learn pairs.jsonl --alias polite --layer 14");
  SetAction(command, session, options, &RunLearn);
}

}  // namespace steer
