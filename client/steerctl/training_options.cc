#include "client/steerctl/training_options.h"

#include <map>

#include "client/steerctl/method_settings.h"
#include "core/base/status_macros.h"
#include "google/protobuf/message.h"

namespace steer {
namespace {

google::protobuf::Message& ObjectiveOf(const std::string& name, v1::Training& training) {
  if (name == "split") return *training.mutable_split();
  if (name == "reps") return *training.mutable_reps();
  if (name == "dpo") return *training.mutable_dpo();
  if (name == "simpo") return *training.mutable_simpo();
  if (name == "cdas") return *training.mutable_cdas();
  return *training.mutable_sft();
}

}  // namespace

const std::vector<std::string>& ObjectiveNames() {
  static const std::vector<std::string> names = {"sft", "split", "reps", "dpo", "simpo", "cdas"};
  return names;
}

void AddTrainingOptions(CLI::App& command, TrainingOptions& options) {
  const auto add = [&](const char* name, auto& target, const char* help) {
    return command.add_option(name, target, help)->group(kTrainingGroup);
  };
  add("--kind", options.kind, "What is trained; default: vector, with cdas clamp")
      ->check(CLI::IsMember({"vector", "lora", "local_weight", "bottleneck", "low_rank_affine",
                             "feature_shift", "clamp"}));
  add("--site", options.sites,
      "Where it adds, and for a weight at block_out what it reads; repeatable")
      ->type_name("SITE[=READ]")
      ->allow_extra_args(false);
  add("--rank", options.rank,
      "Of a LoRA, a bottleneck or a low-rank affine; default: 4; of a clamp; default: 1");
  add("--nonlinearity", options.nonlinearity, "Of a bottleneck; default: identity")
      ->check(CLI::IsMember({"identity", "silu"}));
  command
      .add_flag("--distribution", options.distribution,
                "Of a low-rank affine: learn a distribution, whose mean it becomes")
      ->group(kTrainingGroup);
  add("--use", options.use, "Which answer is to win: both in turn, or that which is added")
      ->check(CLI::IsMember({"both", "add", "subtract"}));
  add("--factors", options.factors, "How strongly answers are steered meanwhile; comma-separated")
      ->delimiter(',')
      ->allow_extra_args(false);
  CLI::Option* const steps = add("--steps", options.steps, "How many");
  add("--epochs", options.epochs, "Instead: times through all pairs; default: 2")->excludes(steps);
  add("--batch", options.batch, "Pairs of a minibatch; default: 4");
  add("--accumulation", options.accumulation, "Minibatches of a step; default: 1");
  add("--rate", options.rate, "Learning rate; default: 0.08 of a vector, 0.01 of a weight");
  add("--warm-up", options.warm_up, "Steps in which the rate rises");
  add("--decay", options.decay, "How the rate goes on; default: linear")
      ->check(CLI::IsMember({"linear", "cosine", "none"}));
  add("--weight-decay", options.weight_decay, "Of AdamW; default: 0");
  add("--clip", options.clip, "Largest norm of the gradients; default: 1, 0 = none");
  add("--dropout", options.dropout, "Share of what is added that a step leaves out; default: 0");
  add("--noise", options.noise,
      "Deviation of the noise on its numbers while it learns; default: 0");
  command
      .add_flag("--subtract-swapped", options.subtract_swapped,
                "Learn from the swapped pairs too, and subtract; with dpo")
      ->group(kTrainingGroup);
  command
      .add_flag("--orthogonal", options.orthogonal,
                "Of a LoRA at down_proj and, reading it, at block_out: keep the two apart")
      ->group(kTrainingGroup);
  add("--held-out-every", options.held_out_every,
      "Steps between two looks at the held-out pairs; default: a tenth of the run");
  add("--patience", options.patience,
      "Looks without a lower loss before it ends, with the best signal; default: never");
  add("--reference-norm", options.reference_norm,
      "Residual norm that a vector's factors are meant for: they grow with this model's");
  add("--seed", options.seed, "Of everything that chance decides; default: 42");
}

absl::StatusOr<v1::Training> ToTraining(const std::string& objective,
                                        const std::vector<std::string>& settings,
                                        const TrainingOptions& options) {
  v1::Training training;
  STEER_RETURN_IF_ERROR(SetFields(settings, ObjectiveOf(objective, training)));
  training.set_kind(options.kind.value_or(objective == "cdas" ? "clamp" : "vector"));
  for (const std::string& text : options.sites) {
    const size_t equals = text.find('=');
    v1::Place& place = *training.add_places();
    place.set_site(text.substr(0, equals));
    if (equals != std::string::npos) place.set_read(text.substr(equals + 1));
  }
  static const std::map<std::string, v1::Training::Use> uses = {
      {"both", v1::Training::BOTH},
      {"add", v1::Training::ADD},
      {"subtract", v1::Training::SUBTRACT}};
  training.set_use(uses.at(options.use));
  static const std::map<std::string, v1::Training::Decay> decays = {
      {"linear", v1::Training::LINEAR},
      {"cosine", v1::Training::COSINE},
      {"none", v1::Training::NONE}};
  training.set_decay(decays.at(options.decay));
  training.mutable_factors()->Add(options.factors.begin(), options.factors.end());
  training.set_nonlinearity(options.nonlinearity);
  if (options.rank) training.set_rank(*options.rank);
  if (options.steps) training.set_steps(*options.steps);
  if (options.epochs) training.set_epochs(*options.epochs);
  if (options.batch) training.set_batch(*options.batch);
  if (options.accumulation) training.set_accumulation(*options.accumulation);
  if (options.held_out_every) training.set_held_out_every(*options.held_out_every);
  if (options.patience) training.set_patience(*options.patience);
  if (options.rate) training.set_learning_rate(*options.rate);
  if (options.warm_up) training.set_warm_up_steps(*options.warm_up);
  if (options.weight_decay) training.set_weight_decay(*options.weight_decay);
  if (options.clip) training.set_clip(*options.clip);
  if (options.dropout) training.set_dropout(*options.dropout);
  if (options.noise) training.set_noise(*options.noise);
  training.set_distribution(options.distribution);
  training.set_orthogonal(options.orthogonal);
  training.set_subtract_swapped(options.subtract_swapped);
  if (options.reference_norm) training.set_reference_norm(*options.reference_norm);
  if (options.seed) training.set_seed(*options.seed);
  return training;
}

}  // namespace steer
