#include "absl/strings/str_cat.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/job_text.h"
#include "client/steerctl/json.h"
#include "client/steerctl/table.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

struct ListOptions {};

struct JobOptions {
  std::string id;
};

absl::Status RunList(const Session& session, const ListOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs, client->ListJobs());
  if (session.json) {
    nlohmann::ordered_json json = nlohmann::ordered_json::array();
    for (const v1::Job& job : jobs) json.push_back(ToJson(job));
    Print(Dump(json));
    return absl::OkStatus();
  }
  if (jobs.empty()) {
    Print("No jobs yet; 'steerctl learn' starts one.\n");
    return absl::OkStatus();
  }
  Table table({{"JOB"},
               {"STATE"},
               {"EXAMPLES", Table::Align::kRight},
               {"CREATED (UTC)"},
               {"LEARNER"},
               {"SIGNAL"}});
  for (const v1::Job& job : jobs) {
    table.Add({job.id(), StateText(job.state()), absl::StrCat(job.done(), "/", job.total()),
               TimeText(job.created_unix_ms()), job.learner(), job.signal_id()});
  }
  Print(table.ToString());
  return absl::OkStatus();
}

absl::Status ShowJob(const Session& session, const absl::StatusOr<v1::Job>& job) {
  STEER_RETURN_IF_ERROR(job.status());
  Print(session.json ? Dump(ToJson(*job)) : Details(*job));
  return absl::OkStatus();
}

absl::Status RunShow(const Session& session, const JobOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  return ShowJob(session, client->GetJob(options.id));
}

absl::Status RunCancel(const Session& session, const JobOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  return ShowJob(session, client->CancelJob(options.id));
}

}  // namespace

void AddJobCommands(CLI::App& app, Session& session) {
  CLI::App& group = *app.add_subcommand("jobs", "Learning jobs");
  group.require_subcommand(1);
  group.footer("Example: steerctl jobs list");
  CLI::App& list = *group.add_subcommand("list", "All jobs, newest first");
  list.footer("Example: steerctl jobs list --json");
  SetAction(list, session, std::make_shared<ListOptions>(), &RunList);
  const auto add = [&](const char* name, const char* help,
                       absl::Status (*run)(const Session&, const JobOptions&)) {
    CLI::App& command = *group.add_subcommand(name, help);
    const auto options = std::make_shared<JobOptions>();
    command.add_option("id", options->id, "The job's id")->required();
    command.footer(absl::StrCat("Example: steerctl jobs ", name, " ID"));
    SetAction(command, session, options, run);
  };
  add("show", "One job in full", &RunShow);
  add("cancel", "Stop a job; a finished one stays as it is", &RunCancel);
}

}  // namespace steer
