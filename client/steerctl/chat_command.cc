#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/generation_options.h"
#include "client/steerctl/terminal.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr char kHelp[] =
    "/signal NAME=M  steer with NAME at M from now on (M = 0: no longer); NAME with --budget\n"
    "/signals        show what steers\n"
    "/reset          forget the conversation\n"
    "/quit           leave, like Ctrl-D; Ctrl-C stops an answer\n";

struct ChatOptions {
  std::string system;
  GenerationOptions generation;
};

// A conversation at the terminal: the request grows by every message.
class Chat {
 public:
  Chat(const Session& session, Client& client, const ChatOptions& options,
       v1::GenerateRequest request)
      : session_(session), client_(client), options_(options), request_(std::move(request)) {
    Reset();
  }

  // False when the conversation is over. An error ends the program.
  absl::StatusOr<bool> Take(const std::string& line) {
    if (line.empty()) return true;
    if (line[0] != '/') return Answered(Say(line));
    if (line == "/quit") return false;
    if (line == "/reset") {
      Reset();
    } else if (line == "/signals") {
      Print(ControlsText(request_) + "\n");
    } else if (absl::StartsWith(line, "/signal ")) {
      SetSignal(line.substr(8));
    } else {
      Print(kHelp);
    }
    return true;
  }

 private:
  void Reset() {
    v1::ChatMessages& chat = *request_.mutable_prompt()->mutable_chat();
    chat.clear_messages();
    if (!options_.system.empty()) Add("system", options_.system);
  }

  void Add(const char* role, const std::string& content) {
    v1::ChatMessage& message = *request_.mutable_prompt()->mutable_chat()->add_messages();
    message.set_role(role);
    message.set_content(content);
  }

  // Answers one message. The message leaves the conversation again if nothing came of it.
  absl::Status Say(const std::string& line) {
    Add("user", line);
    const std::stop_token stop = session_.interrupt->Arm();
    const bool both = options_.generation.plain_too && !request_.controls().empty();
    if (both) Print(absl::StrCat("--- ", ControlsText(request_), " ---\n"));
    Answer answer;
    absl::Status status = Ask(request_, stop, answer);
    if (status.ok() && both) {
      Print("--- plain ---\n");
      Answer plain;
      status = Ask(PlainTwin(request_, answer), stop, plain);
    }
    session_.interrupt->Disarm();
    if (answer.text().empty()) {
      request_.mutable_prompt()->mutable_chat()->mutable_messages()->RemoveLast();
    } else {
      Add("assistant", answer.text());
    }
    return status;
  }

  absl::Status Ask(v1::GenerateRequest request, const std::stop_token& stop, Answer& answer) {
    if (request.has_budget()) FitBudget(request);
    Question question(request, AnswerOptions());
    const absl::Status status = question.Ask(client_, stop);
    answer = std::move(question).Close();
    if (status.ok()) ShowNote(Note(answer));
    return status;
  }

  // Of a budget, what is about the signals of now: others have left the conversation.
  static void FitBudget(v1::GenerateRequest& request) {
    if (request.controls().empty()) return request.clear_budget();
    auto& less = *request.mutable_budget()->mutable_less_preference();
    less.erase(std::remove_if(less.begin(), less.end(),
                              [&request](const std::string& name) {
                                const auto& controls = request.controls();
                                return std::none_of(controls.begin(), controls.end(),
                                                    [&name](const v1::Control& control) {
                                                      return control.signal() == name;
                                                    });
                              }),
               less.end());
  }

  // What the server refuses does not end a conversation; a server that is gone does.
  absl::StatusOr<bool> Answered(const absl::Status& status) {
    if (absl::IsUnavailable(status)) return status;
    if (absl::IsCancelled(status) && session_.interrupt->stopped()) {
      ShowNote("(stopped)");
    } else if (!status.ok()) {
      std::fputs(ForStderr(ErrorText(status)).c_str(), stderr);
    }
    return true;
  }

  static bool IsOff(const v1::Control& control) {
    return control.has_multiplier() && control.multiplier() == 0 &&
           (!control.has_bias_multiplier() || control.bias_multiplier() == 0);
  }

  void SetSignal(const std::string& text) {
    const absl::StatusOr<v1::Control> control = ToControl(options_.generation.controls, text);
    const bool off = control.ok() && IsOff(*control);
    absl::Status status = control.status();
    if (status.ok() && !off && request_.has_budget()) status = CheckBudgeted(*control);
    if (!status.ok()) {
      std::fputs(ForStderr(ErrorText(status)).c_str(), stderr);
      return;
    }
    auto& controls = *request_.mutable_controls();
    for (int i = controls.size() - 1; i >= 0; --i) {
      if (controls[i].signal() == control->signal()) controls.DeleteSubrange(i, 1);
    }
    if (!off) *controls.Add() = *control;
    Print(ControlsText(request_) + "\n");
  }

  const Session& session_;
  Client& client_;
  const ChatOptions& options_;
  v1::GenerateRequest request_;
};

absl::Status RunChat(const Session& session, const ChatOptions& options) {
  if (session.json) {
    return UsageError(absl::InvalidArgumentError("--json: chat is for people; use generate"));
  }
  STEER_ASSIGN_OR_RETURN(v1::GenerateRequest request, ToRequest(options.generation));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Model model, client->GetModel());
  const bool interactive = isatty(STDIN_FILENO) == 1;
  if (interactive) Print(absl::StrCat(model.name(), "; /help lists the commands\n"));

  Chat chat(session, *client, options, std::move(request));
  std::string line;
  while (true) {
    if (interactive) Print("> ");
    if (!std::getline(std::cin, line)) break;
    STEER_ASSIGN_OR_RETURN(const bool more,
                           chat.Take(std::string(absl::StripAsciiWhitespace(line))));
    if (!more) return absl::OkStatus();
  }
  if (interactive) Print("\n");
  return absl::OkStatus();
}

}  // namespace

void AddChatCommand(CLI::App& app, Session& session) {
  CLI::App& command = *app.add_subcommand("chat", "Talk with the model, line by line");
  const auto options = std::make_shared<ChatOptions>();
  command.add_option("--system", options->system, "System message; default: the template's own");
  AddGenerationOptions(command, options->generation);
  command.footer(std::string("Within the conversation:\n") + kHelp +
                 "With --plain-too the conversation goes on with the steered answer.\n"
                 "Example: steerctl chat --signal polite=2");
  SetAction(command, session, options, &RunChat);
}

}  // namespace steer
