#include "client/steerctl/sweep_options.h"

#include "absl/strings/str_cat.h"
#include "client/steerctl/analysis_options.h"
#include "client/steerctl/command_line.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

std::string CheckSignal(const std::string& text) {
  return NameAlone(text, "is what a sweep varies");
}

void AddGridOptions(CLI::App& command, SweepOptions& options) {
  AddMultipliers(command, options.multipliers, "Measure at these; or give --from and --to");
  CLI::Option* from =
      command.add_option("--from", options.from, "Measure from here, closer where the curves bend");
  CLI::Option* to = command.add_option("--to", options.to, "To here");
  from->type_name("M")->needs(to)->excludes("--multipliers");
  to->type_name("M")->needs(from);
  command.add_option("--points", options.points, "At so many multipliers in all; default: 25")
      ->type_name("N")
      ->needs(from);
}

void AddSecondOptions(CLI::App& command, SweepOptions& options) {
  CLI::Option* second = command.add_option("--with", options.second,
                                           "Together with this signal: every pair of multipliers "
                                           "of\nthe two, each with 0 among its own");
  second->type_name("NAME")->needs("--multipliers")->check(CheckSignal);
  AddMultipliers(command, options.second_multipliers, "Those of the signal of --with",
                 "--with-multipliers");
  CLI::Option* multipliers = command.get_option("--with-multipliers");
  second->needs(multipliers);
  multipliers->needs(second);
}

absl::Status SetGrid(const SweepOptions& options, v1::SweepRequest& request) {
  if (options.from && options.to) {
    request.mutable_adaptive()->set_low(*options.from);
    request.mutable_adaptive()->set_high(*options.to);
    request.mutable_adaptive()->set_points(options.points.value_or(0));
    return absl::OkStatus();
  }
  if (options.multipliers.empty()) {
    return UsageError(
        InvalidField("--multipliers", "nothing", "--multipliers=M,M,.. or --from A --to B"));
  }
  request.mutable_multipliers()->mutable_values()->Add(options.multipliers.begin(),
                                                       options.multipliers.end());
  return absl::OkStatus();
}

absl::Status SetSecond(const SweepOptions& options, v1::SweepRequest& request) {
  if (options.second.empty()) return absl::OkStatus();
  if (options.family()) {
    return UsageError(InvalidField("--signal",
                                   absl::StrCat(options.control.signals.size(), " beside --with"),
                                   "one: --with makes it a sweep of two signals"));
  }
  v1::SecondAxis& second = *request.mutable_second();
  STEER_ASSIGN_OR_RETURN(*second.mutable_control(), ToControl(options.control, options.second));
  second.mutable_multipliers()->mutable_values()->Add(options.second_multipliers.begin(),
                                                      options.second_multipliers.end());
  return absl::OkStatus();
}

}  // namespace

void AddSweepOptions(CLI::App& command, SweepOptions& options) {
  AddPairOptions(command, options.pairs);
  command
      .add_option("--signal", options.control.signals,
                  "Whose curve (alias or id), without a multiplier;\nrepeatable: a curve for each, "
                  "and a map of them")
      ->type_name("NAME")
      ->required()
      ->allow_extra_args(false)
      ->check(CheckSignal);
  AddPositionOptions(command, options.control);
  AddGridOptions(command, options);
  AddSecondOptions(command, options);
  command.add_flag("--sum", options.sum, "Show and fit losses summed over tokens, not their means");
  command.add_flag("--fit", options.fit, "Fit the laws to each curve then, as 'steerctl fit' does")
      ->excludes("--with");
  AddCsvFlag(command, options.csv, "A line of numbers per multiplier, means and sums");
  AddSvgOption(command, options.svg_path,
               "Draw the curve with the fitted laws, which implies\n--fit; or a map of several "
               "signals, or of two");
}

absl::StatusOr<v1::SweepRequest> ToRequest(const SweepOptions& options) {
  v1::SweepRequest request;
  STEER_RETURN_IF_ERROR(SetGrid(options, request));
  STEER_RETURN_IF_ERROR(SetSecond(options, request));
  STEER_RETURN_IF_ERROR(SetPairs(options.pairs, request));
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Control> controls, ToControls(options.control));
  if (options.family()) {
    request.mutable_family()->Add(controls.begin(), controls.end());
  } else if (!controls.empty()) {
    *request.mutable_control() = controls.front();
  }
  return request;
}

}  // namespace steer
