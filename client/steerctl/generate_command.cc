#include "absl/strings/str_cat.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/generation_options.h"
#include "client/steerctl/input.h"
#include "client/steerctl/json.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct GenerateOptions {
  std::string prompt;
  std::string system;
  bool raw = false;
  GenerationOptions generation;
};

absl::StatusOr<v1::GenerateRequest> ToRequest(const GenerateOptions& options) {
  STEER_ASSIGN_OR_RETURN(v1::GenerateRequest request, ToRequest(options.generation));
  STEER_ASSIGN_OR_RETURN(const std::string prompt, TextOrStdin(options.prompt, "prompt"));
  if (options.raw) {
    request.mutable_prompt()->set_text(prompt);
    return request;
  }
  v1::ChatMessages& chat = *request.mutable_prompt()->mutable_chat();
  const auto add = [&](const char* role, const std::string& content) {
    v1::ChatMessage& message = *chat.add_messages();
    message.set_role(role);
    message.set_content(content);
  };
  if (!options.system.empty()) add("system", options.system);
  add("user", prompt);
  return request;
}

absl::Status RunGenerate(const Session& session, const GenerateOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::GenerateRequest request, ToRequest(options));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  const std::stop_token stop = session.interrupt->Arm();
  const bool show = !session.json;
  const bool both = options.generation.plain_too && !request.controls().empty();

  if (show && both) Print(absl::StrCat("--- ", ControlsText(request), " ---\n"));
  Answer answer;
  STEER_RETURN_IF_ERROR(Ask(*client, request, show, stop, answer));
  if (show) ShowNote(Note(answer));
  if (!both) {
    if (session.json) Print(Dump(ToJson(answer)));
    return absl::OkStatus();
  }
  if (show) Print("\n--- plain ---\n");
  Answer plain;
  STEER_RETURN_IF_ERROR(Ask(*client, PlainTwin(request, answer), show, stop, plain));
  if (show) ShowNote(Note(plain));
  if (session.json) Print(Dump({{"steered", ToJson(answer)}, {"plain", ToJson(plain)}}));
  return absl::OkStatus();
}

}  // namespace

void AddGenerateCommand(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand("generate", "Answer a prompt, steered or plain");
  const auto options = std::make_shared<GenerateOptions>();
  command.add_option("prompt", options->prompt, "What the user says; default: standard input");
  CLI::Option* system = command.add_option("--system", options->system,
                                           "System message; default: the chat template's own");
  command.add_flag("--raw", options->raw, "No chat template: continue the prompt as it stands")
      ->excludes(system);
  AddGenerationOptions(command, options->generation);
  command.footer(
      "The text streams to standard output; on a terminal, a line about it follows on\n"
      "standard error.\n"
      "Example: steerctl generate \"How do I boil an egg?\" --signal polite=2 --plain-too --seed "
      "7");
  SetAction(command, session, options, &RunGenerate);
}

}  // namespace steer
