#include <cmath>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/session.h"
#include "client/steerctl/terminal.h"

namespace steer {
namespace {

constexpr int kServerError = 1;
constexpr int kUsageError = 2;
constexpr int kInterrupted = 130;

std::string NotSeconds(const std::string& text) {
  double seconds = 0;
  return CLI::detail::lexical_cast(text, seconds) && seconds >= 0 && std::isfinite(seconds)
             ? ""
             : "got '" + text + "', allowed: a number of seconds, 0 or more";
}

void AddGlobalOptions(CLI::App& app, Session& session) {
  app.add_option("--server", session.connection.address, "Where steerd listens")
      ->envname("STEER_SERVER")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--wait", session.connection.connect_seconds,
                 "Wait so long for the server to come up")
      ->type_name("SECONDS")
      ->check(NotSeconds);
  app.add_option("--timeout", session.connection.call_seconds,
                 "Deadline of each call; default: none")
      ->type_name("SECONDS")
      ->check(NotSeconds);
  app.add_flag("--json", session.json, "JSON on standard output, for programs");
}

// A line about the options above at the end of every command's help.
void MentionGlobalOptions(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    command->footer(command->get_footer() +
                    "\nEvery command takes --server, --wait, --timeout and --json: see 'steerctl "
                    "--help'.");
    MentionGlobalOptions(*command);
  }
}

int Run(int argc, const char* const* argv) {
  Session session;
  CLI::App app("Talks to a steerd: a language model that is steered and measured.", "steerctl");
  app.require_subcommand(1);
  // The options above work before and after the command's name.
  app.fallthrough();
  app.set_version_flag("--version", "steerctl " STEER_VERSION);
  app.footer(
      "Exit codes: 0 done, 1 the server refused or could not, 2 wrong usage, 130 interrupted.\n"
      "The first steps:\n"
      "  steerctl learn pairs.jsonl --alias polite --promote\n"
      "  steerctl generate \"How do I boil an egg?\" --signal polite=2 --plain-too\n"
      "  steerctl score pairs.jsonl --signal polite=1 --multipliers=-2,-1,0,1,2\n"
      "  steerctl sweep pairs.jsonl --signal polite --from=-8 --to=8 --svg polite.svg\n"
      "'steerctl COMMAND --help' explains a command.");
  AddGlobalOptions(app, session);
  AddModelCommands(app, session);
  AddGenerateCommand(app, session);
  AddSteerCommand(app, session);
  AddChatCommand(app, session);
  AddSignalCommands(app, session);
  AddDatasetCommands(app, session);
  AddLearnCommand(app, session);
  AddScoreCommand(app, session);
  AddSweepCommand(app, session);
  AddMeasureCommand(app, session);
  AddManifoldCommand(app, session);
  AddCurveCommands(app, session);
  AddProbeCommands(app, session);
  AddJobCommands(app, session);
  MentionGlobalOptions(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    // The parser does not say which word was none of its commands.
    const std::vector<std::string> rest = app.remaining(/*recurse=*/true);
    const bool no_command = std::string(error.what()) == "A subcommand is required";
    const std::string what = !no_command    ? error.what()
                             : rest.empty() ? "no command given"
                                            : "no such command: " + rest.front();
    const std::string text =
        "steerctl: " + what + "\n" +
        "'steerctl --help' and 'steerctl COMMAND --help' say what is allowed.\n";
    std::fputs(ForStderr(text).c_str(), stderr);
    return kUsageError;
  }

  const absl::Status status = session.action();
  if (status.ok()) return 0;
  if (absl::IsCancelled(status) && session.interrupt->stopped()) {
    std::fputs("steerctl: interrupted\n", stderr);
    return kInterrupted;
  }
  std::fputs(ForStderr(ErrorText(status)).c_str(), stderr);
  return IsUsageError(status) ? kUsageError : kServerError;
}

}  // namespace
}  // namespace steer

int main(int argc, const char* const* argv) { return steer::Run(argc, argv); }
