#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/example_options.h"
#include "client/steerctl/extraction_options.h"
#include "client/steerctl/job_output.h"
#include "client/steerctl/job_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/recipe.h"
#include "client/steerctl/training_options.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct LearnOptions {
  ExampleOptions examples;
  std::string recipe_path;
  std::string method = ExtractionMethods().front();
  std::vector<std::string> settings;  // of the method, "NAME=VALUE"
  ExtractionOptions extraction;
  TrainingOptions training;
  std::string alias;
  bool promote = false;
  std::string autoencoder;
  std::optional<int> layer;
  std::vector<int> layers;  // of a search
  std::optional<double> max_loss;
  std::string svg_path;
  std::string system;
  std::vector<std::string> labels;  // checked by ParseLabel while the command line is read
  std::string description;
};

bool IsExtraction(const std::string& method) {
  return std::find(ExtractionMethods().begin(), ExtractionMethods().end(), method) !=
         ExtractionMethods().end();
}

// The learner and its layer, as the command line says.
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
    const std::string kind = training.kind.value_or("vector");
    const bool reads_mlp = kind == "lora" || kind == "local_weight";
    training.sites = {
        absl::StrCat("layers.", *options.layer, ".block_out", reads_mlp ? "=mlp_mid" : "")};
  }
  absl::StatusOr<v1::Training> learner = ToTraining(options.method, options.settings, training);
  if (!learner.ok()) return UsageError(learner.status());
  *request.mutable_training() = *std::move(learner);
  return absl::OkStatus();
}

// By its id: a name may move before the job runs.
absl::Status SetAutoencoder(Client& client, const std::string& name, v1::StartJobRequest& request) {
  if (name.empty()) return absl::OkStatus();
  STEER_ASSIGN_OR_RETURN(const v1::Signal signal, client.GetSignal(name));
  if (request.has_training()) {
    request.mutable_training()->set_autoencoder(signal.id());
  } else if (request.extraction().has_feature_selection()) {
    request.mutable_extraction()->mutable_feature_selection()->set_autoencoder(signal.id());
  } else {
    return UsageError(InvalidField("--autoencoder", "one",
                                   "one with feature_selection, or with a feature_shift to train"));
  }
  return absl::OkStatus();
}

// A recipe says everything; the command line has what it leaves open, and the last word on the
// examples and the name.
absl::StatusOr<v1::StartJobRequest> ToRequest(const LearnOptions& options) {
  v1::StartJobRequest request;
  if (options.recipe_path.empty()) {
    STEER_RETURN_IF_ERROR(SetLearner(options, request));
  } else {
    absl::StatusOr<v1::StartJobRequest> recipe = ReadRecipe(options.recipe_path);
    if (!recipe.ok()) return UsageError(recipe.status());
    request = *std::move(recipe);
  }
  STEER_RETURN_IF_ERROR(SetExamples(options.examples, request));
  if (!options.system.empty()) request.set_system(options.system);
  if (!options.alias.empty()) request.set_alias(options.alias);
  if (options.promote) request.set_promote(true);
  if (!options.layers.empty()) {
    request.mutable_search()->mutable_layers()->Add(options.layers.begin(), options.layers.end());
    if (options.max_loss) request.mutable_search()->set_max_utility_loss(*options.max_loss);
  }
  if (!options.description.empty()) request.set_description(options.description);
  for (const std::string& text : options.labels) {
    STEER_ASSIGN_OR_RETURN(const auto label, ParseLabel(text));
    (*request.mutable_labels())[label.first] = label.second;
  }
  return request;
}

absl::Status RunLearn(const Session& session, const LearnOptions& options) {
  STEER_ASSIGN_OR_RETURN(v1::StartJobRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_RETURN_IF_ERROR(SetAutoencoder(*client, options.autoencoder, request));
  const std::stop_token stop = session.interrupt->Arm();
  STEER_ASSIGN_OR_RETURN(v1::Job job, client->StartJob(request));
  absl::StatusOr<v1::Job> watched = WatchJob(*client, job.id(), stop);
  if (stop.stop_requested()) {
    STEER_ASSIGN_OR_RETURN(job, client->CancelJob(job.id()));
    // It ends between two examples or steps.
    STEER_ASSIGN_OR_RETURN(job, client->WatchJob(job.id(), [](const v1::Job&) { return true; }));
    Print(session.json ? Dump(ToJson(job)) : Details(job));
    return absl::CancelledError("interrupted");
  }
  if (!watched.ok()) {
    return Annotate(watched.status(),
                    absl::StrCat(job.id(), " goes on ('steerctl jobs watch ", job.id(), "')"));
  }
  STEER_RETURN_IF_ERROR(ShowEnd(session, *watched));
  return WriteLayerMap(*client, *watched, options.svg_path);
}

// How the signal is made: by a recipe, or by a method and its settings.
void AddMethodOptions(CLI::App& command, LearnOptions& options) {
  CLI::Option* const recipe = command.add_option(
      "--recipe", options.recipe_path, "How, as a YAML file with the fields of StartJobRequest");
  recipe->type_name("FILE");
  std::vector<std::string> methods = ExtractionMethods();
  methods.insert(methods.end(), ObjectiveNames().begin(), ObjectiveNames().end());
  command.add_option("--method", options.method, "How; default: difference_of_means")
      ->check(CLI::IsMember(methods))
      ->excludes(recipe);
  command
      .add_option("--set", options.settings,
                  "A setting of the method, such as gamma=6 or l2=0.1; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->excludes(recipe)
      ->check([](const std::string& text) { return CheckText(ParseLabel(text).status()); });
  command
      .add_option("--autoencoder", options.autoencoder,
                  "A registered feature_shift (name or id), of which the autoencoder is taken")
      ->type_name("SIGNAL");
  CLI::Option* const layer =
      command.add_option("--layer", options.layer,
                         "0-based; default: the middle layer. At its block_out, read mlp_mid");
  layer->excludes(recipe);
  CLI::Option* const layers =
      command.add_option("--layers", options.layers,
                         "Learn at each and suggest one; comma-separated, needs held-out pairs");
  layers->delimiter(',')->allow_extra_args(false)->excludes(layer);
  command
      .add_option("--max-loss", options.max_loss,
                  "Utility that the suggested layer may cost, nats per token; default: 0.5")
      ->needs(layers);
  command
      .add_option("--svg", options.svg_path, "Draw the map of layers and multipliers into a file")
      ->needs(layers);
  const std::vector<CLI::Option*> before = command.get_options();
  AddExtractionOptions(command, options.extraction);
  AddTrainingOptions(command, options.training);
  for (CLI::Option* const option : command.get_options()) {
    if (std::find(before.begin(), before.end(), option) == before.end()) option->excludes(recipe);
  }
}

}  // namespace

void AddLearnCommand(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand("learn", "Make a signal from polar pairs");
  const auto options = std::make_shared<LearnOptions>();
  AddExampleOptions(command, options->examples);
  CLI::Option* const alias = command.add_option(
      "--alias", options->alias, "What it is called: it waits as drafts/NAME to be promoted");
  alias->type_name("NAME");
  command.add_flag("--promote", options->promote, "Move the name itself, at once")->needs(alias);
  command.add_option("--system", options->system, "System message; default: the template's own");
  command.add_option("--label", options->labels, "A label; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return CheckText(ParseLabel(text).status()); });
  command.add_option("--description", options->description, "What it does");
  AddMethodOptions(command, *options);
  command.footer(
      "The first four methods make a vector of the activations behind positive and negative\n"
      "answers: the difference of their means, the direction in which they differ most\n"
      "(principal_component), that which tells them apart best (linear_probe), the features of an\n"
      "autoencoder that do (feature_selection). kv_difference makes a signal of their keys and\n"
      "values (cache steering). The others train a signal by gradients. Ctrl-C cancels the job.\n"
      "Example: steerctl learn pairs.jsonl --alias polite --layer 14 --promote\n"
      "         steerctl learn choices.jsonl --method linear_probe --reading answer_letter\n"
      "         steerctl learn --dataset power --rows 0:500 --held-out-dataset power \\\n"
      "             --held-out-rows 500 --layers 10,14,18 --svg map.svg\n"
      "         steerctl learn pairs.jsonl --alias polite --method split --kind lora --steps 100");
  SetAction(command, session, options, &RunLearn);
}

}  // namespace steer
