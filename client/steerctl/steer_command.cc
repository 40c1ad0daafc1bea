#include <string>

#include "absl/strings/str_cat.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/json.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct SteerOptions {
  uint64_t request_id = 0;
  std::string signal;
};

absl::Status RunSteer(const Session& session, const SteerOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::Control control, ParseControl(options.signal));
  v1::UpdateGenerationRequest request;
  request.set_request_id(options.request_id);
  request.set_signal(control.signal());
  if (control.has_multiplier()) request.set_multiplier(control.multiplier());
  if (control.has_bias_multiplier()) request.set_bias_multiplier(control.bias_multiplier());
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::UpdateGenerationResponse response,
                         client->UpdateGeneration(request));
  if (session.json) {
    Print(Dump(ToJson(response)));
    return absl::OkStatus();
  }
  for (const v1::UpdatedCompletion& completion : response.completions()) {
    Print(absl::StrCat(response.completions_size() > 1
                           ? absl::StrCat("completion ", completion.completion(), ": ")
                           : "",
                       options.signal, " from token ", completion.first_token(), " on\n"));
  }
  return absl::OkStatus();
}

std::string CheckChange(const std::string& text) {
  const absl::StatusOr<v1::Control> control = ParseControl(text);
  if (!control.ok()) return CheckText(control.status());
  return control->has_multiplier() ? "" : "got '" + text + "', allowed: NAME=M or NAME=M1:M2";
}

}  // namespace

void AddSteerCommand(CLI::App& app, Session& session) {
  CLI::App& command =
      *app.add_subcommand("steer", "Change a signal's multiplier in a running generation");
  const auto options = std::make_shared<SteerOptions>();
  command
      .add_option("request", options->request_id,
                  "The request's id, as 'generate --verbose' or --json tells it")
      ->type_name("ID")
      ->required();
  command
      .add_option("signal", options->signal,
                  "A signal of that request, as it spelt it, and its new\nmultiplier; M1:M2 sets "
                  "weight and bias apart")
      ->type_name("NAME=M")
      ->required()
      ->check(CheckChange);
  command.footer(
      "Prints the first token of the answer, counted from 0, that comes out under the new\n"
      "multiplier.\n"
      "Example: steerctl steer 42 polite=0");
  SetAction(command, session, options, &RunSteer);
}

}  // namespace steer
