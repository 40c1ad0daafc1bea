#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "client/loadgen/load.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

void AddOptions(CLI::App& app, LoadOptions& options) {
  app.add_option("--server", options.connection.address, "Where steerd listens")
      ->envname("STEER_SERVER")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--wait", options.connection.connect_seconds,
                 "Seconds to wait for the server to come up");
  app.add_option("--streams", options.streams, "Requests in flight")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  CLI::Option* seconds = app.add_option("--seconds", options.seconds, "How long")
                             ->check(CLI::Range(0.1, 1e6))
                             ->capture_default_str();
  app.add_option("--requests", options.requests, "Stop after so many requests instead")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}))
      ->excludes(seconds);
  app.add_option("--prompt-tokens", options.prompt_tokens, "Length of every prompt")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--shared-prefix", options.shared_prefix,
                 "So many tokens at the prompts' beginning are the same in all")
      ->check(CLI::Range(0, 1000000))
      ->type_name("TOKENS");
  app.add_option("--max-tokens", options.max_tokens, "Length of an answer, unless it ends sooner")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_flag("--ignore-eos", options.ignore_eos, "Answers have exactly that length");
  app.add_option("--steered", options.steered_share, "Share of the streams that are steered")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--signals", options.signals, "Distinct signals the steered streams share")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--multiplier", options.multiplier, "Strength of the signals")
      ->capture_default_str();
  app.add_option("--temperature", options.temperature, "0 is greedy")->capture_default_str();
  app.add_option("--cancel", options.cancelled_share,
                 "Share of the requests that are cancelled, at random points")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SHARE");
  app.add_flag("--background", options.background, "Score pairs meanwhile, over and over");
  app.add_option("--seed", options.seed, "Of prompts, signals, cancellations and sampling")
      ->capture_default_str();
}

nlohmann::ordered_json ToJson(const LatencySummary& summary) {
  return {{"samples", summary.samples},
          {"p50", summary.p50},
          {"p90", summary.p90},
          {"p99", summary.p99},
          {"max", summary.max}};
}

std::string ToJsonText(const LoadOptions& options, const LoadReport& report) {
  nlohmann::ordered_json json;
  json["load"] = {{"streams", options.streams},
                  {"prompt_tokens", options.prompt_tokens},
                  {"shared_prefix", options.shared_prefix},
                  {"max_tokens", options.max_tokens},
                  {"ignore_eos", options.ignore_eos},
                  {"steered", options.steered_share},
                  {"signals", options.steered_share > 0 ? options.signals : 0},
                  {"temperature", options.temperature},
                  {"cancelled", options.cancelled_share},
                  {"background", options.background},
                  {"seed", options.seed}};
  json["seconds"] = report.seconds;
  json["finished"] = report.finished;
  json["cut_short"] = report.cut_short;
  json["cancelled"] = report.cancelled;
  json["prompt_tokens"] = report.prompt_tokens;
  json["reused_prompt_tokens"] = report.reused_tokens;
  json["tokens"] = report.tokens;
  json["tokens_per_second"] = static_cast<double>(report.tokens) / report.seconds;
  json["first_token_seconds"] = ToJson(report.first_token);
  json["between_tokens_seconds"] = ToJson(report.between_tokens);
  json["background"] = {{"scores", report.background.scores}, {"pairs", report.background.pairs}};
  json["errors"] = nlohmann::ordered_json::object();
  for (const auto& [message, count] : report.errors) json["errors"][message] = count;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string ToText(const LoadOptions& options, const LoadReport& report) {
  const auto line = [](const char* name, const LatencySummary& summary) {
    return absl::StrFormat("%-15s %8.1f %8.1f %8.1f %8.1f %9d\n", name, 1e3 * summary.p50,
                           1e3 * summary.p90, 1e3 * summary.p99, 1e3 * summary.max,
                           summary.samples);
  };
  std::string text = absl::StrFormat(
      "%d streams, prompts of %d tokens, answers of up to %d, %.0f %% of the streams steered\n"
      "%.1f tokens/s: %d tokens in %.1f s; %d requests finished, %d cut short, %d cancelled\n"
      "%d of %d prompt tokens reused\n\n"
      "milliseconds         p50      p90      p99      max   samples\n",
      options.streams, options.prompt_tokens, options.max_tokens, 100 * options.steered_share,
      static_cast<double>(report.tokens) / report.seconds, report.tokens, report.seconds,
      report.finished, report.cut_short, report.cancelled, report.reused_tokens,
      report.prompt_tokens);
  text += line("first token", report.first_token);
  text += line("between tokens", report.between_tokens);
  if (options.background) {
    text += absl::StrFormat("background: %d pairs scored in %d requests\n", report.background.pairs,
                            report.background.scores);
  }
  for (const auto& [message, count] : report.errors) {
    text += absl::StrFormat("%d x %s\n", count, message);
  }
  return text;
}

int Run(int argc, const char* const* argv) {
  LoadOptions options;
  bool json = false;
  CLI::App app("Puts load on a steerd and says how fast it was, seen from the reader's side.",
               "loadgen");
  AddOptions(app, options);
  app.add_flag("--json", json, "JSON on standard output");
  app.set_version_flag("--version", "loadgen " STEER_VERSION);
  app.footer(
      "Exit codes: 0 done, 1 the server could not be used or requests failed, 2 wrong usage.\n"
      "Example: loadgen --streams 16 --seconds 20 --steered 0.5 --signals 4\n"
      "         loadgen --streams 16 --prompt-tokens 512 --shared-prefix 480 --cancel 0.3 "
      "--background");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    std::fprintf(stderr, "loadgen: %s\n'loadgen --help' says what is allowed.\n", error.what());
    return 2;
  }
  if (options.shared_prefix >= options.prompt_tokens) {
    std::fprintf(stderr,
                 "loadgen: --shared-prefix: got %d, allowed: less than --prompt-tokens, %d\n",
                 options.shared_prefix, options.prompt_tokens);
    return 2;
  }
  const absl::StatusOr<LoadReport> report = RunLoad(options);
  if (!report.ok()) {
    std::fprintf(stderr, "loadgen: %s\n", report.status().ToString().c_str());
    return 1;
  }
  std::fputs((json ? ToJsonText(options, *report) : ToText(options, *report)).c_str(), stdout);
  return report->errors.empty() ? 0 : 1;
}

}  // namespace
}  // namespace steer

int main(int argc, const char* const* argv) { return steer::Run(argc, argv); }
