#include "client/steerctl/generation_options.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "client/steerctl/command_line.h"
#include "core/base/status.h"
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
  AddPositionOptions(command, options);
}

void AddPositionOptions(CLI::App& command, ControlOptions& options) {
  command
      .add_option("--positions", options.positions, "Tokens to steer; default: the signal's own")
      ->type_name("all|prompt|generated")
      ->check(CLI::IsMember({"all", "prompt", "generated"}).description(""));
  command.add_flag("--exclude-template-head", options.exclude_template_head,
                   "Do not steer the tokens before the first that the\nprompt can change");
  command.add_flag("--user-text-only", options.user_text_only,
                   "Of a chat's prompt, steer only the last user message's\ntext");
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
  if (options.user_text_only) control.mutable_positions()->set_user_text_only(true);
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

namespace {

// An option whose value goes into a field of a message by its setter.
template <typename T, auto kSet, typename Message>
CLI::Option* AddField(CLI::App& command, const char* name, Message& message, const char* help) {
  return command.add_option_function<T>(
      name, [&message](const T& value) { (message.*kSet)(value); }, help);
}

void AddPenaltyOptions(CLI::App& command, v1::Sampling& sampling) {
  AddField<double, &v1::Sampling::set_repetition_penalty>(
      command, "--repetition-penalty", sampling,
      "Divide by this what speaks for tokens of prompt and\nanswer; 1 is off");
  AddField<double, &v1::Sampling::set_presence_penalty>(
      command, "--presence-penalty", sampling, "Subtract from the logits of tokens of the answer");
  AddField<double, &v1::Sampling::set_frequency_penalty>(
      command, "--frequency-penalty", sampling, "The same, times how often they are in it");
  command
      .add_option_function<std::vector<std::string>>(
          "--logit-bias",
          [&sampling](const std::vector<std::string>& biases) {
            // The check below has let them through.
            for (const std::string& text : biases) {
              const auto bias = ParseLogitBias(text);
              if (bias.ok()) (*sampling.mutable_logit_bias())[bias->first] = bias->second;
            }
          },
          "Add B to the logit of token ID; repeatable")
      ->type_name("ID=B")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return CheckText(ParseLogitBias(text).status()); });
}

void AddEndOptions(CLI::App& command, v1::Sampling& sampling) {
  AddField<int32_t, &v1::Sampling::set_max_tokens>(command, "--max-tokens", sampling,
                                                   "At most so many tokens; default: 128");
  AddField<int32_t, &v1::Sampling::set_min_tokens>(command, "--min-tokens", sampling,
                                                   "Do not end before so many");
  command
      .add_option_function<std::vector<std::string>>(
          "--stop",
          [&sampling](const std::vector<std::string>& stops) {
            sampling.mutable_stop()->Assign(stops.begin(), stops.end());
          },
          "End before this text; repeatable")
      ->allow_extra_args(false);
  command
      .add_option_function<std::vector<int32_t>>(
          "--stop-token",
          [&sampling](const std::vector<int32_t>& ids) {
            sampling.mutable_stop_token_ids()->Assign(ids.begin(), ids.end());
          },
          "End at this token; repeatable")
      ->type_name("ID")
      ->allow_extra_args(false);
  command.add_flag_callback(
      "--ignore-eos", [&sampling] { sampling.set_ignore_eos(true); },
      "The model's end tokens do not end the answer");
}

// The server turns the budget into multipliers, so no signal brings its own.
void AddBudgetOptions(CLI::App& command, v1::GenerateRequest& request) {
  CLI::Option* budget = command.add_option_function<double>(
      "--budget",
      [&request](const double& nats) { request.mutable_budget()->set_max_utility_loss(nats); },
      "The most preference for at most so much utility, by kept\ndose curves, instead of "
      "multipliers");
  budget->type_name("NATS")->needs("--signal");
  command
      .add_option_function<std::vector<std::string>>(
          "--less",
          [&request](const std::vector<std::string>& names) {
            request.mutable_budget()->mutable_less_preference()->Assign(names.begin(), names.end());
          },
          "Away from the concept of this signal; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->needs(budget);
  command
      .add_option_function<std::vector<std::string>>(
          "--curve",
          [&request](const std::vector<std::string>& ids) {
            request.mutable_budget()->mutable_curve_ids()->Assign(ids.begin(), ids.end());
          },
          "Go by this curve: one for each --signal in its order, or\none of two together; default: "
          "the newest")
      ->type_name("ID")
      ->allow_extra_args(false)
      ->needs(budget);
}

}  // namespace

void AddGenerationOptions(CLI::App& command, GenerationOptions& options) {
  v1::Sampling& sampling = *options.request.mutable_sampling();
  AddEndOptions(command, sampling);
  AddField<double, &v1::Sampling::set_temperature>(command, "--temperature", sampling,
                                                   "0 is greedy; default: the model's, or 1");
  AddField<int32_t, &v1::Sampling::set_top_k>(command, "--top-k", sampling,
                                              "Draw from the K likeliest; 0 is all");
  AddField<double, &v1::Sampling::set_top_p>(command, "--top-p", sampling,
                                             "Draw from the likeliest that have this mass");
  AddField<double, &v1::Sampling::set_min_p>(
      command, "--min-p", sampling,
      "Draw from those with this share of the likeliest's\nprobability");
  AddPenaltyOptions(command, sampling);
  AddField<uint64_t, &v1::Sampling::set_seed>(
      command, "--seed", sampling, "Same seed, same draws; default: drawn by the server");
  command
      .add_option_function<std::string>(
          "--truncate",
          [&options](const std::string& which) {
            options.request.set_truncation(which == "first" ? v1::TRUNCATION_DROP_FIRST
                                                            : v1::TRUNCATION_DROP_LAST);
          },
          "Leave out the first or last tokens of a prompt that is\ntoo long; default: refuse it")
      ->type_name("first|last")
      ->check(CLI::IsMember({"first", "last"}).description(""));
  AddControlOptions(command, options.controls);
  AddBudgetOptions(command, options.request);
  command.add_flag("--plain-too", options.plain_too,
                   "Then the same without signals, from the same seed");
}

void AddSingleAnswerOptions(CLI::App& command, GenerationOptions& options) {
  v1::Sampling& sampling = *options.request.mutable_sampling();
  AddField<int32_t, &v1::GenerateRequest::set_n>(
      command, "--n", options.request, "So many completions, one after the other; default: 1");
  command.add_flag_callback(
      "--echo", [&options] { options.request.set_echo(true); },
      "Show the prompt, as it was computed, before the answer");
  command
      .add_option_function<int32_t>(
          "--top-log-probs",
          [&sampling](const int32_t& count) {
            sampling.set_log_probs(true);
            sampling.set_top_log_probs(count);
          },
          "Log-probabilities of the answer's tokens, each beside\nthe K likeliest; with --json")
      ->type_name("K");
  AddField<int32_t, &v1::Sampling::set_prompt_log_probs>(
      command, "--prompt-log-probs", sampling, "The same of the prompt's tokens; with --json")
      ->type_name("K");
}

absl::Status CheckBudgeted(const v1::Control& control) {
  if (!control.has_multiplier()) return absl::OkStatus();
  return UsageError(InvalidField(
      "--signal", absl::StrCat("'", control.signal(), "' with a multiplier beside --budget"),
      "NAME alone: the budget chooses the multipliers"));
}

absl::StatusOr<v1::GenerateRequest> ToRequest(const GenerationOptions& options) {
  v1::GenerateRequest request = options.request;
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Control> controls, ToControls(options.controls));
  request.mutable_controls()->Add(controls.begin(), controls.end());
  if (!request.has_budget()) return request;
  for (const v1::Control& control : controls) STEER_RETURN_IF_ERROR(CheckBudgeted(control));
  return request;
}

}  // namespace steer
