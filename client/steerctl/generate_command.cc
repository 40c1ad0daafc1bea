#include "absl/strings/str_cat.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/command_line.h"
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
  int resumes = 0;
  bool verbose = false;
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

// Asks, and asks again for the rest when the server goes away.
absl::StatusOr<Answer> Ask(const Session& session, const GenerateOptions& options,
                           const v1::GenerateRequest& request, const std::stop_token& stop) {
  Question question(request,
                    {.show = !session.json, .tell_request_id = session.json || options.verbose});
  absl::Status status;
  for (int left = options.resumes; left >= 0; --left) {
    if (absl::IsUnavailable(status)) {
      ShowNote("the server went away; asking for the rest", options.verbose);
    }
    const auto client = session.Connect();
    status = client.ok() ? question.Ask(**client, stop) : client.status();
    if (!absl::IsUnavailable(status)) break;
  }
  Answer answer = std::move(question).Close();
  STEER_RETURN_IF_ERROR(status);
  if (!session.json) ShowNote(Note(answer), options.verbose);
  return answer;
}

absl::Status RunGenerate(const Session& session, const GenerateOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::GenerateRequest request, ToRequest(options));
  const v1::Sampling& sampling = request.sampling();
  if (!session.json && (sampling.log_probs() || sampling.has_prompt_log_probs())) {
    return UsageError(absl::InvalidArgumentError(
        "--top-log-probs and --prompt-log-probs: only --json shows them"));
  }
  const std::stop_token stop = session.interrupt->Arm();
  const bool show = !session.json;
  const bool both = options.generation.plain_too && !request.controls().empty();

  if (show && both) Print(absl::StrCat("--- ", ControlsText(request), " ---\n"));
  STEER_ASSIGN_OR_RETURN(const Answer answer, Ask(session, options, request, stop));
  if (!both) {
    if (session.json) Print(Dump(ToJson(answer)));
    return absl::OkStatus();
  }
  if (show) Print("\n--- plain ---\n");
  STEER_ASSIGN_OR_RETURN(const Answer plain,
                         Ask(session, options, PlainTwin(request, answer), stop));
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
  AddSingleAnswerOptions(command, options->generation);
  command
      .add_option("--resume", options->resumes,
                  "When the server goes away, go on with the answer up to\nN times, on the server "
                  "that --wait finds")
      ->type_name("N")
      ->check(CLI::Range(0, 1000).description(""))
      ->excludes("--n");
  command.add_flag("--verbose", options->verbose,
                   "Tell the request's id, for 'steerctl steer', and how it\nwent, on standard "
                   "error");
  command.footer(
      "The text streams to standard output; on a terminal, a line about it follows on\n"
      "standard error. With --json the request's id is told there first.\n"
      "Example: steerctl generate \"How do I boil an egg?\" --signal polite=2 --plain-too --seed "
      "7\n"
      "By kept dose curves: steerctl generate \"Hello\" --signal polite --budget 0.1 --verbose");
  SetAction(command, session, options, &RunGenerate);
}

}  // namespace steer
