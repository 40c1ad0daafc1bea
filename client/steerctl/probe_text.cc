#include "client/steerctl/probe_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/steerctl/csv.h"

namespace steer {
namespace {

constexpr int kShownPoints = 3;
constexpr size_t kShownDigits = 12;  // of an id

std::string NatsText(bool defined, double value) {
  return defined ? absl::StrFormat("%+.4f", value) : "-";
}

// "2", or "2:0" where weight and bias have their own.
std::string MultiplierText(const v1::ProbePoint& point) {
  std::string text = absl::StrFormat("%g", point.multiplier());
  if (point.bias_multiplier() == point.multiplier()) return text;
  return absl::StrCat(text, absl::StrFormat(":%g", point.bias_multiplier()));
}

// "2 (31 uses), -1 (4), and 3 more"
std::string MultipliersText(const v1::ProbeRun& run) {
  std::string text;
  const int shown = std::min(run.points_size(), kShownPoints);
  for (int i = 0; i < shown; ++i) {
    absl::StrAppend(&text, i > 0 ? ", " : "", MultiplierText(run.points(i)), " (",
                    run.points(i).uses(), i == 0 ? " uses)" : ")");
  }
  if (run.points_size() > shown) {
    absl::StrAppend(&text, ", and ", run.points_size() - shown, " more");
  }
  return text;
}

std::string Field(bool defined, double value) { return defined ? CsvField(value) : ""; }

std::vector<std::string> RunFields(const v1::ProbeRun& run) {
  return {absl::StrCat(run.measured_unix_ms()),
          run.signal_id(),
          run.model_fingerprint(),
          absl::StrCat(run.pairs()),
          CsvField(run.plain_preference()),
          Field(run.has_plain_utility(), run.plain_utility()),
          CsvField(run.preference_gain()),
          Field(run.has_utility_loss(), run.utility_loss())};
}

std::vector<std::string> PointFields(const v1::ProbePoint& point) {
  const v1::PositionRule& rule = point.positions();
  const auto flag = [](bool set) { return std::string(set ? "1" : "0"); };
  return {CsvField(point.multiplier()),
          CsvField(point.bias_multiplier()),
          absl::StrCat(point.uses()),
          CsvField(point.preference()),
          Field(point.has_utility(), point.utility()),
          flag(!rule.has_prompt() || rule.prompt()),
          flag(!rule.has_generated() || rule.generated()),
          flag(rule.exclude_template_head()),
          flag(rule.user_text_only())};
}

std::string Joined(std::vector<std::string> run, const std::vector<std::string>& point) {
  run.insert(run.end(), point.begin(), point.end());
  return CsvLine(run);
}

}  // namespace

Table ProbeTable(const std::vector<v1::Probe>& probes) {
  const auto right = Table::Align::kRight;
  Table table({{"SIGNAL"},
               {"PAIRS", right},
               {"MEASURED (UTC)"},
               {"MULTIPLIERS"},
               {"GAIN", right},
               {"LOSS", right},
               {"GAIN DRIFT", right},
               {"UTILITY DRIFT", right},
               {"RUNS", right},
               {"FAILED", right},
               {"ERROR"}});
  for (const v1::Probe& probe : probes) {
    const v1::ProbeRun& last = probe.last();
    table.Add({probe.signal(), absl::StrCat(probe.pairs()),
               probe.has_last() ? TimeText(last.measured_unix_ms()) : "not yet",
               MultipliersText(last), NatsText(probe.has_last(), last.preference_gain()),
               NatsText(last.has_utility_loss(), last.utility_loss()),
               NatsText(probe.has_preference_drift(), probe.preference_drift()),
               NatsText(probe.has_utility_drift(), probe.utility_drift()),
               absl::StrCat(probe.runs()), absl::StrCat(probe.failures()), probe.error()});
  }
  return table;
}

Table ProbeRunTable(const std::vector<v1::ProbeRun>& runs) {
  const auto right = Table::Align::kRight;
  Table table({{"MEASURED (UTC)"},
               {"PAIRS", right},
               {"PLAIN PREFERENCE", right},
               {"PLAIN UTILITY", right},
               {"GAIN", right},
               {"LOSS", right},
               {"SIGNAL"},
               {"MULTIPLIERS"}});
  for (const v1::ProbeRun& run : runs) {
    table.Add({TimeText(run.measured_unix_ms()), absl::StrCat(run.pairs()),
               NatsText(true, run.plain_preference()),
               NatsText(run.has_plain_utility(), run.plain_utility()),
               NatsText(true, run.preference_gain()),
               NatsText(run.has_utility_loss(), run.utility_loss()),
               run.signal_id().substr(0, kShownDigits), MultipliersText(run)});
  }
  return table;
}

std::string ProbeRunCsv(const std::vector<v1::ProbeRun>& runs) {
  std::string text = CsvLine(
      {"measured_unix_ms", "signal_id", "model_fingerprint", "pairs", "plain_preference",
       "plain_utility", "preference_gain", "utility_loss", "multiplier", "bias_multiplier", "uses",
       "preference", "utility", "prompt", "generated", "exclude_template_head", "user_text_only"});
  for (const v1::ProbeRun& run : runs) {
    for (const v1::ProbePoint& point : run.points())
      text += Joined(RunFields(run), PointFields(point));
    if (run.points().empty()) text += Joined(RunFields(run), std::vector<std::string>(9));
  }
  return text;
}

}  // namespace steer
