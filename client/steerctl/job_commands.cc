#include "absl/strings/str_cat.h"
#include "client/steerctl/commands.h"
#include "client/steerctl/job_output.h"
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

struct ShowOptions {
  std::string id;
  std::string svg_path;
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
               {"DONE", Table::Align::kRight},
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

absl::Status RunShow(const Session& session, const ShowOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Job job, client->GetJob(options.id));
  STEER_RETURN_IF_ERROR(ShowJob(session, job));
  return WriteLayerMap(*client, job, options.svg_path);
}

// Leaves the job alone when it is interrupted: it was started elsewhere.
absl::Status RunWatch(const Session& session, const JobOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, session.Connect());
  STEER_ASSIGN_OR_RETURN(const v1::Job job,
                         WatchJob(*client, options.id, session.interrupt->Arm()));
  return ShowEnd(session, job);
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
  CLI::App& show = *group.add_subcommand("show", "One job in full");
  const auto show_options = std::make_shared<ShowOptions>();
  show.add_option("id", show_options->id, "The job's id")->required();
  show.add_option("--svg", show_options->svg_path,
                  "Draw the map of a search's layers and multipliers into a file");
  show.footer("Example: steerctl jobs show ID --svg map.svg");
  SetAction(show, session, show_options, &RunShow);
  add("watch", "Follow a job to its end; Ctrl-C leaves it running", &RunWatch);
  add("cancel", "Stop a job; a finished one stays as it is", &RunCancel);
}

}  // namespace steer
