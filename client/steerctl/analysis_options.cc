#include "client/steerctl/analysis_options.h"

#include "absl/strings/str_cat.h"
#include "client/pairs_file.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/text_options.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

void AddCurveId(CLI::App& command, std::string& id) {
  command.add_option("curve", id, "The curve's id, as sweep and curves list show it")->required();
}

}  // namespace

std::string NameAlone(const std::string& text, const std::string& why) {
  const absl::StatusOr<v1::Control> control = ParseControl(text);
  if (!control.ok()) return CheckText(control.status());
  if (!control->has_multiplier()) return "";
  return CheckText(InvalidField("--signal", absl::StrCat("'", text, "'"),
                                absl::StrCat("NAME without a multiplier, which ", why)));
}

void AddSignalAlone(CLI::App& command, ControlOptions& options, const char* help,
                    const std::string& why) {
  options.signals.resize(1);
  command.add_option("--signal", options.signals.front(), help)
      ->type_name("NAME")
      ->required()
      ->check([why](const std::string& text) { return NameAlone(text, why); });
}

void AddCsvFlag(CLI::App& command, bool& csv, const char* help) {
  CLI::Option* flag = command.add_flag("--csv", csv, help);
  for (CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    CLI::Option* json = app->get_option_no_throw("--json");
    if (json != nullptr) flag->excludes(json);
  }
}

void AddMultipliers(CLI::App& command, std::vector<double>& multipliers, const char* help,
                    const char* name) {
  command.add_option(name, multipliers, help)
      ->type_name("M,M,..")
      ->delimiter(',')
      ->allow_extra_args(false);
}

void AddSvgOption(CLI::App& command, std::string& path, const char* help) {
  command.add_option("--svg", path, help)->type_name("FILE");
}

void AddScoreOptions(CLI::App& command, ScoreOptions& options) {
  AddPairOptions(command, options.pairs);
  AddControlOptions(command, options.controls);
  AddMultipliers(command, options.multipliers, "Each multiplies every signal's own; default: 1");
  command.add_flag("--sum", options.sum, "Show losses summed over tokens, not their means");
  command.add_flag("--pairs", options.per_pair, "Each pair's scores too (with --json)");
  AddCsvFlag(command, options.csv, "A line of numbers per multiplier, means and sums");
}

absl::StatusOr<v1::ScoreRequest> ToRequest(const ScoreOptions& options) {
  v1::ScoreRequest request;
  STEER_RETURN_IF_ERROR(SetPairs(options.pairs, request));
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Control> controls, ToControls(options.controls));
  request.mutable_controls()->Add(controls.begin(), controls.end());
  request.mutable_multipliers()->Add(options.multipliers.begin(), options.multipliers.end());
  request.set_omit_pairs(!options.per_pair);
  return request;
}

void AddFitOptions(CLI::App& command, FitOptions& options) {
  AddCurveId(command, *options.request.mutable_curve_id());
  command.add_flag("--sum", options.sum, "Fit losses summed over tokens, not their means");
  command
      .add_option_function<int32_t>(
          "--resamples", [&options](const int32_t& count) { options.request.set_resamples(count); },
          "Intervals from so many refits; -1: none; default: 200")
      ->type_name("N");
  AddCsvFlag(command, options.csv, "The laws and their bands, a line of numbers per multiplier");
  AddSvgOption(command, options.svg_path, "Draw the curve and the laws");
}

absl::StatusOr<v1::FitCurveRequest> ToRequest(const FitOptions& options) {
  v1::FitCurveRequest request = options.request;
  request.set_mode(options.sum ? v1::SUM : v1::MEAN);
  return request;
}

void AddRecommendOptions(CLI::App& command, RecommendOptions& options) {
  AddCurveId(command, options.curve_id);
  CLI::Option* loss = command.add_option("--max-loss", options.max_loss,
                                         "The most preference that costs at most so much utility");
  CLI::Option* gain = command.add_option("--min-gain", options.min_gain,
                                         "The least loss of utility for so much preference");
  loss->type_name("NATS")->excludes(gain);
  gain->type_name("NATS");
  command.add_flag("--less", options.less, "Gain is away from the concept");
  CLI::Option* check = command.add_option(
      "--check", options.check_path,
      "Then generate answers to these questions, JSON lines\n{\"question\"}, and "
      "shrink the multiplier until they read\nas well as plain ones");
  check->type_name("FILE");
  command
      .add_option("--max-nll", options.max_nll_increase,
                  "By so much they may surprise the plain model more;\ndefault: 0.5")
      ->type_name("NATS")
      ->needs(check);
  AddSvgOption(command, options.svg_path, "Draw the curve, the laws and the multiplier");
}

absl::StatusOr<v1::RecommendMultiplierRequest> ToRequest(const RecommendOptions& options) {
  v1::RecommendMultiplierRequest request;
  request.set_curve_id(options.curve_id);
  request.set_less_preference(options.less);
  if (options.max_loss) {
    request.set_max_utility_loss(*options.max_loss);
  } else if (options.min_gain) {
    request.set_min_preference_gain(*options.min_gain);
  } else {
    return UsageError(InvalidField("--max-loss", "nothing", "--max-loss X or --min-gain X"));
  }
  if (options.check_path.empty()) return request;
  STEER_ASSIGN_OR_RETURN(const auto questions, QuestionsIn(options.check_path));
  for (const std::string& question : questions) request.mutable_check()->add_questions(question);
  if (options.max_nll_increase)
    request.mutable_check()->set_max_nll_increase(*options.max_nll_increase);
  return request;
}

}  // namespace steer
