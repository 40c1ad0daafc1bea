#include "client/steerctl/job_text.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/table.h"

namespace steer {

std::string StateText(v1::Job::State state) {
  return absl::AsciiStrToLower(v1::Job::State_Name(state));
}

std::string TrainingText(const v1::Job& job) {
  if (!job.has_training()) return "";
  const v1::TrainingProgress& training = job.training();
  return absl::StrFormat("loss %.4g, %.0f tokens/s, %.0f s left", training.loss(),
                         training.tokens_per_second(), training.seconds_left());
}

std::string Details(const v1::Job& job) {
  std::vector<std::pair<std::string, std::string>> entries = {
      {"job", job.id()},
      {"state", StateText(job.state())},
      {"learner", job.learner()},
      {job.has_training() ? "steps" : "examples", absl::StrCat(job.done(), " of ", job.total())},
      {"created", absl::StrCat(TimeText(job.created_unix_ms()), " UTC")}};
  if (job.finished_unix_ms() != 0) {
    entries.emplace_back("finished", absl::StrCat(TimeText(job.finished_unix_ms()), " UTC"));
  }
  if (!job.signal_id().empty()) entries.emplace_back("signal", job.signal_id());
  if (!job.curve_id().empty()) entries.emplace_back("curve", job.curve_id());
  // Maps of a message have no order.
  const std::map<std::string, double> results(job.results().begin(), job.results().end());
  for (const auto& [name, value] : results) entries.emplace_back(name, absl::StrCat(value));
  if (!job.error().empty()) entries.emplace_back("error", job.error());
  return Listing(entries);
}

}  // namespace steer
