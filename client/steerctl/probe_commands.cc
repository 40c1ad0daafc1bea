#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/steerctl/analysis_options.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/json.h"
#include "client/steerctl/pair_options.h"
#include "client/steerctl/probe_text.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct SetOptions {
  std::string signal;
  PairOptions pairs;
};

struct ListOptions {};

struct NameOptions {
  std::string signal;
  bool csv = false;
};

template <typename Message>
nlohmann::ordered_json AllToJson(const std::vector<Message>& messages) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Message& message : messages) json.push_back(ToJson(message));
  return json;
}

absl::Status RunSet(const Session& session, const SetOptions& options) {
  v1::SetProbeRequest request;
  request.set_signal(options.signal);
  STEER_RETURN_IF_ERROR(SetPairs(options.pairs, request));
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Probe probe, client->SetProbe(request));
  Print(session.json ? Dump(ToJson(probe))
                     : absl::StrCat(probe.signal(), " is watched with ", probe.pairs(),
                                    " pairs from now on\n"));
  return absl::OkStatus();
}

absl::Status RunList(const Session& session, const ListOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Probe> probes, client->ListProbes());
  Print(session.json     ? Dump(AllToJson(probes))
        : probes.empty() ? "No signal is watched; 'steerctl probes set' watches one.\n"
                         : ProbeTable(probes).ToString());
  return absl::OkStatus();
}

absl::Status RunShow(const Session& session, const NameOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::ProbeRun> runs,
                         client->ListProbeRuns(options.signal));
  if (session.json) {
    Print(Dump(AllToJson(runs)));
  } else if (options.csv) {
    Print(ProbeRunCsv(runs));
  } else if (runs.empty()) {
    Print("No runs yet: the server makes one in idle time after requests used the signal.\n");
  } else {
    Print(ProbeRunTable(runs).ToString());
  }
  return absl::OkStatus();
}

absl::Status RunDelete(const Session& session, const NameOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_RETURN_IF_ERROR(client->DeleteProbe(options.signal));
  Print(session.json ? Dump({{"deleted", options.signal}})
                     : absl::StrCat("No longer watched: ", options.signal, "\n"));
  return absl::OkStatus();
}

void AddSet(CLI::App& group, Session& session) {
  CLI::App& command = *group.add_subcommand("set", "Watch a signal with these pairs");
  const auto options = std::make_shared<SetOptions>();
  command
      .add_option("name", options->signal,
                  "Alias or id; of an alias, the version it points to is watched")
      ->required();
  AddPairOptions(command, options->pairs);
  command.footer(
      "Replaces the pairs that the signal had, and forgets its runs.\n"
      "Example: steerctl probes set polite pairs.jsonl");
  SetAction(command, session, options, &RunSet);
}

void AddNamed(CLI::App& group, Session& session, const char* name, const char* help,
              absl::Status (*run)(const Session&, const NameOptions&)) {
  CLI::App& command = *group.add_subcommand(name, help);
  const auto options = std::make_shared<NameOptions>();
  command.add_option("name", options->signal, "The signal, as 'probes set' named it")->required();
  if (run == &RunShow)
    AddCsvFlag(command, options->csv, "A line of numbers per run and multiplier");
  command.footer(absl::StrCat("Example: steerctl probes ", name, " polite"));
  SetAction(command, session, options, run);
}

}  // namespace

void AddProbeCommands(CLI::App& app, Session& session) {
  CLI::App& group = *app.add_subcommand("probes", "Signals that are watched while they are in use");
  group.require_subcommand(1);
  group.footer(
      "A watched signal is scored on its pairs in idle time, at the multipliers that requests had\n"
      "since the last time. Gain of preference and loss of utility are against the plain model,\n"
      "nats per answer token; their drift is the change since the first run.\n"
      "Example: steerctl probes list");
  AddSet(group, session);
  CLI::App& list = *group.add_subcommand("list", "All watched signals with their last run");
  list.footer("Example: steerctl probes list --json");
  SetAction(list, session, std::make_shared<ListOptions>(), &RunList);
  AddNamed(group, session, "show", "What was measured, newest first", &RunShow);
  AddNamed(group, session, "delete", "No longer watch a signal; forget its runs", &RunDelete);
}

}  // namespace steer
