#include "client/steerctl/generation_options.h"

#include "client/steerctl/command_line.h"
#include "core/base/status_macros.h"

namespace steer {

void AddControlOptions(CLI::App& command, ControlOptions& options) {
  command
      .add_option("--signal", options.signals,
                  "Steer with this signal (alias or id), at this multiplier\nor the signal's own; "
                  "NAME=M1:M2 sets weight and\nbias apart; repeatable")
      ->type_name("NAME[=M]")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return CheckText(ParseControl(text).status()); });
  command
      .add_option("--positions", options.positions, "Tokens to steer; default: the signal's own")
      ->type_name("all|prompt|generated")
      ->check(CLI::IsMember({"all", "prompt", "generated"}).description(""));
  command.add_flag("--exclude-template-head", options.exclude_template_head,
                   "Do not steer the tokens before the first that the\nprompt can change");
  command.add_flag("--allow-other-weights", options.allow_other_weights,
                   "Take signals made for other weights of the same shape");
}

absl::StatusOr<v1::Control> ToControl(const ControlOptions& options, const std::string& signal) {
  STEER_ASSIGN_OR_RETURN(v1::Control control, ParseControl(signal));
  if (!options.positions.empty()) {
    control.mutable_positions()->set_prompt(options.positions != "generated");
    control.mutable_positions()->set_generated(options.positions != "prompt");
  }
  if (options.exclude_template_head) {
    control.mutable_positions()->set_exclude_template_head(true);
  }
  control.set_allow_other_weights(options.allow_other_weights);
  return control;
}

absl::StatusOr<std::vector<v1::Control>> ToControls(const ControlOptions& options) {
  std::vector<v1::Control> controls;
  for (const std::string& signal : options.signals) {
    STEER_ASSIGN_OR_RETURN(controls.emplace_back(), ToControl(options, signal));
  }
  return controls;
}

void AddGenerationOptions(CLI::App& command, GenerationOptions& options) {
  command.add_option("--max-tokens", options.max_tokens, "At most so many tokens; default: 128");
  command.add_option("--temperature", options.temperature, "0 is greedy; default: 1");
  command.add_option("--top-k", options.top_k, "Draw from the K likeliest; 0 is all");
  command.add_option("--top-p", options.top_p, "Draw from the likeliest that have this mass");
  command.add_option("--seed", options.seed, "Same seed, same text; default: drawn by the server");
  command.add_option("--stop", options.stop, "End before this text; repeatable")
      ->allow_extra_args(false);
  AddControlOptions(command, options.controls);
  command.add_flag("--plain-too", options.plain_too,
                   "Then the same without signals, from the same seed");
}

absl::StatusOr<v1::GenerateRequest> ToRequest(const GenerationOptions& options) {
  v1::GenerateRequest request;
  v1::Sampling& sampling = *request.mutable_sampling();
  if (options.max_tokens) sampling.set_max_tokens(*options.max_tokens);
  if (options.temperature) sampling.set_temperature(*options.temperature);
  if (options.top_k) sampling.set_top_k(*options.top_k);
  if (options.top_p) sampling.set_top_p(*options.top_p);
  if (options.seed) sampling.set_seed(*options.seed);
  for (const std::string& stop : options.stop) sampling.add_stop(stop);
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Control> controls, ToControls(options.controls));
  request.mutable_controls()->Add(controls.begin(), controls.end());
  return request;
}

}  // namespace steer
