#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/json.h"
#include "client/steerctl/positions_text.h"
#include "client/steerctl/table.h"
#include "core/base/status_macros.h"
#include "core/files/mapped_file.h"

namespace steer {
namespace {

struct AddOptions {
  std::string path;
  std::vector<std::string> labels;  // checked by ParseLabel while the command line is read
  UploadOptions upload;
};

struct ListOptions {};

struct NameOptions {
  std::string name;
  bool with_aliases = false;
};

struct AliasOptions {
  std::string name, target;
  std::optional<int64_t> expected_version;
};

struct PromoteOptions {
  std::string name;
  std::optional<int64_t> expected_version;
};

std::string Details(const v1::Signal& signal) {
  std::string text =
      Listing({{"id", signal.id()},
               {"kind", signal.kind()},
               {"sites", absl::StrJoin(signal.sites(), " ")},
               {"aliases", absl::StrJoin(signal.aliases(), " ")},
               {"multiplier", absl::StrCat(signal.default_multiplier(), " unless given")},
               {"positions", PositionsText(signal.default_positions())},
               {"model shape", signal.model_shape()},
               {"model weights", signal.model_weights()},
               {"size", BytesText(signal.payload_bytes())},
               {"created", absl::StrCat(TimeText(signal.created_unix_ms()), " UTC")},
               {"description", signal.description()},
               {"learnt", signal.provenance()}});
  // Maps of a message have no order.
  const std::map<std::string, std::string> labels(signal.labels().begin(), signal.labels().end());
  for (const auto& [key, value] : labels) absl::StrAppend(&text, "label ", key, ": ", value, "\n");
  return text;
}

absl::Status RunAdd(const Session& session, const AddOptions& options) {
  UploadOptions upload = options.upload;
  for (const std::string& text : options.labels) {
    STEER_ASSIGN_OR_RETURN(const auto label, ParseLabel(text));
    upload.labels.insert(label);
  }
  const auto file = MappedFile::Open(options.path);
  if (!file.ok()) return UsageError(file.status());
  const auto bytes = (*file)->bytes();
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(
      const v1::RegisterSignalResponse response,
      client->UploadSignal(
          absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), upload));
  if (session.json) {
    Print(Dump(ToJson(response)));
    return absl::OkStatus();
  }
  if (response.existed()) Print("The server knew this signal; its labels stay as they were.\n");
  Print(Details(response.signal()));
  return absl::OkStatus();
}

absl::Status RunList(const Session& session, const ListOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Signal> signals, client->ListSignals());
  if (session.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const v1::Signal& signal : signals) json.push_back(ToJson(signal));
    Print(Dump(json));
    return absl::OkStatus();
  }
  if (signals.empty()) {
    Print("No signals yet; 'steerctl learn' makes one, 'steerctl signal add' uploads one.\n");
    return absl::OkStatus();
  }
  Table table({{"ALIASES"},
               {"KIND"},
               {"SITES"},
               {"SIZE", Table::Align::kRight},
               {"CREATED (UTC)"},
               {"ID"}});
  for (const v1::Signal& signal : signals) {
    table.Add({absl::StrJoin(signal.aliases(), " "), signal.kind(), SitesText(signal.sites()),
               BytesText(signal.payload_bytes()), TimeText(signal.created_unix_ms()), signal.id()});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

absl::Status RunShow(const Session& session, const NameOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Signal signal, client->GetSignal(options.name));
  Print(session.json ? Dump(ToJson(signal)) : Details(signal));
  return absl::OkStatus();
}

absl::Status RunRemove(const Session& session, const NameOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  // The server deletes by id alone; an alias means the version it points to now, and that is shown.
  STEER_ASSIGN_OR_RETURN(const v1::Signal signal, client->GetSignal(options.name));
  STEER_RETURN_IF_ERROR(client->DeleteSignal(signal.id(), options.with_aliases));
  Print(session.json ? Dump({{"deleted", signal.id()}})
                     : absl::StrCat("Deleted ", signal.id(), "\n"));
  return absl::OkStatus();
}

absl::Status ShowAlias(const Session& session, const absl::StatusOr<v1::Alias>& alias) {
  STEER_RETURN_IF_ERROR(alias.status());
  Print(session.json ? Dump(ToJson(*alias))
                     : absl::StrCat(alias->name(), " is ", alias->signal_id(), " (version ",
                                    alias->version(), ")\n"));
  return absl::OkStatus();
}

absl::Status RunAlias(const Session& session, const AliasOptions& options) {
  v1::SetAliasRequest request;
  request.set_name(options.name);
  request.set_signal(options.target);
  if (options.expected_version) request.set_expected_version(*options.expected_version);
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  return ShowAlias(session, client->SetAlias(request));
}

absl::Status RunPromote(const Session& session, const PromoteOptions& options) {
  v1::PromoteDraftRequest request;
  request.set_alias(options.name);
  if (options.expected_version) request.set_expected_version(*options.expected_version);
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  return ShowAlias(session, client->PromoteDraft(request));
}

absl::Status RunUnalias(const Session& session, const NameOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_RETURN_IF_ERROR(client->DeleteAlias(options.name));
  Print(session.json ? Dump({{"deleted", options.name}})
                     : absl::StrCat("No longer a name: ", options.name, "\n"));
  return absl::OkStatus();
}

absl::Status RunAliases(const Session& session, const ListOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Alias> aliases, client->ListAliases());
  if (session.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const v1::Alias& alias : aliases) json.push_back(ToJson(alias));
    Print(Dump(json));
    return absl::OkStatus();
  }
  Table table({{"ALIAS"}, {"VERSION", Table::Align::kRight}, {"MOVED (UTC)"}, {"ID"}});
  for (const v1::Alias& alias : aliases) {
    table.Add({alias.name(), absl::StrCat(alias.version()), TimeText(alias.updated_unix_ms()),
               alias.signal_id()});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

void AddAdd(CLI::App& group, Session& session) {
  CLI::App& command = *group.add_subcommand("add", "Upload a signal");
  const auto options = std::make_shared<AddOptions>();
  command.add_option("file", options->path, "A safetensors file in the native format")->required();
  command.add_option("--alias", options->upload.alias, "Move this name to it");
  command.add_option("--label", options->labels, "A label; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string& text) { return CheckText(ParseLabel(text).status()); });
  command.add_option("--description", options->upload.description, "What it does");
  command.footer("Example: steerctl signal add polite.safetensors --alias polite --label by=anna");
  SetAction(command, session, options, &RunAdd);
}

void AddAlias(CLI::App& group, Session& session) {
  CLI::App& command = *group.add_subcommand("alias", "Give a signal a name, or move the name");
  const auto options = std::make_shared<AliasOptions>();
  command.add_option("name", options->name, "The name: [A-Za-z0-9._/-]")->required();
  command.add_option("target", options->target, "A signal's id or another alias")->required();
  command.add_option("--expected-version", options->expected_version,
                     "Only if the alias still has this version; 0: only if it is new");
  command.footer("Example: steerctl signal alias polite polite-v2");
  SetAction(command, session, options, &RunAlias);
}

void AddPromote(CLI::App& group, Session& session) {
  CLI::App& command =
      *group.add_subcommand("promote", "Move a name to the signal that was learnt for it");
  const auto options = std::make_shared<PromoteOptions>();
  command.add_option("name", options->name, "The name, without \"drafts/\"")->required();
  command.add_option("--expected-version", options->expected_version,
                     "Only if the alias still has this version; 0: only if it is new");
  command.footer("Example: steerctl signal promote polite");
  SetAction(command, session, options, &RunPromote);
}

// A command with one argument, an alias or an id.
CLI::App& AddNamed(CLI::App& group, Session& session, const char* name, const char* help,
                   absl::Status (*run)(const Session&, const NameOptions&)) {
  CLI::App& command = *group.add_subcommand(name, help);
  const auto options = std::make_shared<NameOptions>();
  const bool alias_only = run == &RunUnalias;
  command.add_option("name", options->name, alias_only ? "Alias" : "Alias or id")->required();
  if (run == &RunRemove) {
    command.add_flag("--with-aliases", options->with_aliases, "Delete the names it has too");
  }
  command.footer(absl::StrCat("Example: steerctl signal ", name, " polite"));
  SetAction(command, session, options, run);
  return command;
}

}  // namespace

void AddSignalCommands(CLI::App& app, Session& session) {
  CLI::App& group = *app.add_subcommand("signal", "Control signals and their names");
  group.require_subcommand(1);
  group.footer("Example: steerctl signal list");
  AddAdd(group, session);
  CLI::App& list = *group.add_subcommand("list", "All signals, newest first");
  list.footer("Example: steerctl signal list --json");
  SetAction(list, session, std::make_shared<ListOptions>(), &RunList);
  AddNamed(group, session, "show", "One signal in full", &RunShow);
  AddNamed(group, session, "rm", "Delete a signal; refused while it has names", &RunRemove);
  AddAlias(group, session);
  AddPromote(group, session);
  AddNamed(group, session, "unalias", "Delete a name; the signal stays", &RunUnalias);
  CLI::App& aliases = *group.add_subcommand("aliases", "All names");
  aliases.footer("Example: steerctl signal aliases");
  SetAction(aliases, session, std::make_shared<ListOptions>(), &RunAliases);
}

}  // namespace steer
