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
  std::string text = absl::StrFormat("loss %.4g", training.loss());
  if (training.has_held_out()) {
    absl::StrAppendFormat(&text, ", held out %.4g, preference %+.3g", training.held_out().loss(),
                          training.held_out().preference());
  }
  absl::StrAppendFormat(&text, ", %.0f tokens/s, %.0f s left", training.tokens_per_second(),
                        training.seconds_left());
  return text;
}

namespace {

// A layer a line; the suggested one is marked.
std::string LayersText(const v1::Job& job) {
  Table table({{"LAYER", Table::Align::kRight},
               {"MULTIPLIER", Table::Align::kRight},
               {"PREFERENCE", Table::Align::kRight},
               {"UTILITY", Table::Align::kRight},
               {"SIGNAL"},
               {"CURVE"},
               {""}});
  for (const v1::LayerOutcome& layer : job.layers()) {
    const bool gains = layer.has_multiplier();
    table.Add({absl::StrCat(layer.layer()),
               gains ? absl::StrFormat("%+.4g", layer.multiplier()) : "-",
               gains ? absl::StrFormat("%+.3f", layer.preference_gain()) : "-",
               gains ? absl::StrFormat("%+.3f", -layer.utility_loss()) : "-", layer.signal_id(),
               layer.curve_id(), layer.signal_id() == job.signal_id() ? "suggested" : ""});
  }
  return table.ToString();
}

}  // namespace

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
  if (!job.dataset_id().empty()) entries.emplace_back("data set", job.dataset_id());
  if (!job.held_out_dataset_id().empty())
    entries.emplace_back("held out", job.held_out_dataset_id());
  if (!job.signal_id().empty()) entries.emplace_back("signal", job.signal_id());
  if (!job.alias().empty()) entries.emplace_back("alias", job.alias());
  if (!job.curve_id().empty()) entries.emplace_back("curve", job.curve_id());
  // Maps of a message have no order.
  const std::map<std::string, double> results(job.results().begin(), job.results().end());
  for (const auto& [name, value] : results) entries.emplace_back(name, absl::StrCat(value));
  if (!job.error().empty()) entries.emplace_back("error", job.error());
  std::string text = Listing(entries);
  if (!job.layers().empty()) absl::StrAppend(&text, "\n", LayersText(job));
  return text;
}

}  // namespace steer
