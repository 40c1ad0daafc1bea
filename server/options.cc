#include "server/options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "server/version.h"

namespace steer {
namespace {

// "[::1]:7070" -> "::1", "127.0.0.1:7070" -> "127.0.0.1".
absl::string_view HostOf(absl::string_view address) {
  if (absl::StartsWith(address, "[")) return address.substr(1, address.find(']') - 1);
  return address.substr(0, address.rfind(':'));
}

// Empty if `device` is spelt well.
std::string CheckDevice(const std::string& device) {
  absl::string_view number = device;
  int index = 0;
  if ((absl::ConsumePrefix(&number, "cpu:") || absl::ConsumePrefix(&number, "cuda:")) &&
      !number.empty() && std::all_of(number.begin(), number.end(), absl::ascii_isdigit) &&
      absl::SimpleAtoi(number, &index)) {
    return "";
  }
  return absl::StrCat("'", device, "' is neither cpu:<n> nor cuda:<n>");
}

// Empty if `share` is one. CLI::Range lets NaN pass.
std::string CheckShare(const std::string& share) {
  double value = 0;
  if (absl::SimpleAtod(share, &value) && value >= 0.01 && value <= 0.99) return "";
  return absl::StrCat("'", share, "' is not from 0.01 to 0.99");
}

void AddSwitch(CLI::App& app, const std::string& name, bool& value, const std::string& help) {
  app.add_option(name, value, help + ": on or off")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, std::string>{{"on", "true"}, {"off", "false"}}))
      ->default_str(value ? "on" : "off");
}

// Two pools of one name could not be told apart.
absl::Status CheckDevices(const RuntimeOptions& options) {
  const std::set<std::string> names(options.devices.begin(), options.devices.end());
  if (names.size() != options.devices.size()) {
    return InvalidField("--devices", absl::StrJoin(options.devices, ","), "each device once");
  }
  if (!names.contains(options.learning_device)) return absl::OkStatus();
  return InvalidField("--learning-device", options.learning_device, "none of --devices");
}

void AddModelOptions(CLI::App& app, RuntimeOptions& options) {
  app.add_option("--model", options.model_path, "GGUF file of the model to keep resident")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--state-dir", options.state_directory, "folder of the signals; made if missing")
      ->default_val("steerd-state");
  app.add_option(
         "--generation-config", options.generation_config_path,
         "generation_config.json with the sampling defaults; else those of the model's file")
      ->check(CLI::ExistingFile);
  app.add_option("--chat-template", options.chat_template_path,
                 "Jinja template that replaces a missing or wrong one of the model's file")
      ->check(CLI::ExistingFile);
  app.add_option("--devices", options.devices,
                 "one pool each, with commas between or given again: cpu:<n>, cuda:<n>")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Validator(CheckDevice, "cpu:<n>|cuda:<n>"))
      ->capture_default_str();
  app.add_option("--learning-device", options.learning_device,
                 "a pool for learning jobs alone; else they share those of --devices")
      ->check(CLI::Validator(CheckDevice, "cpu:<n>|cuda:<n>"));
  app.add_option("--dtype", options.dtype, "compute and cache type")
      ->check(CLI::IsMember({"bf16", "f32"}))
      ->capture_default_str();
  app.add_option("--threads", options.threads,
                 "threads of one operation of a pool; 0 = the cores shared out")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--kv-cache-mib", options.kv_cache_mib,
                 "size of a pool's KV cache; 0 = from the free memory")
      ->check(CLI::Range(0, 16 * 1024 * 1024))
      ->capture_default_str();
  AddSwitch(app, "--prefix-cache", options.prefix_cache, "find computed prefixes again");
}

void AddSchedulingOptions(CLI::App& app, RuntimeOptions& options) {
  app.add_option("--step-tokens", options.step_tokens, "token budget of one step")
      ->check(CLI::Range(1, 1024 * 1024))
      ->capture_default_str();
  app.add_option("--max-sequences", options.max_sequences, "sequences of a pool that run at once")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--max-in-flight", options.max_in_flight,
                 "completions, waiting and running, before new calls are refused")
      ->check(CLI::Range(1, 1024 * 1024))
      ->capture_default_str();
  app.add_option("--background-share", options.background_share,
                 "share of a pool for scoring and learning while generations run")
      ->check(CLI::Validator(CheckShare, "0.01 to 0.99"))
      ->capture_default_str();
  app.add_option("--probe-interval", options.probe_interval_seconds,
                 "seconds between two probes of a signal that has a probe set; 0 = none")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--probe-share", options.probe_share, "share of the time for probes")
      ->check(CLI::Range(0.001, 1.0))
      ->capture_default_str();
  app.add_option("--inter-token-ms", options.inter_token_ms,
                 "bound on the time between two tokens while prompts are computed; 0 = none")
      ->check(CLI::Range(0, 60000))
      ->capture_default_str();
}

void AddServerOptions(CLI::App& app, ServerOptions& options) {
  app.add_option("--listen", options.listen, "gRPC address: host:port or unix:/path")
      ->capture_default_str();
  app.add_option("--metrics-listen", options.metrics_listen,
                 "address of /metrics for Prometheus, or off")
      ->capture_default_str();
  app.add_flag("--insecure-listen-anywhere", options.insecure_listen_anywhere,
               "allow plain text on addresses that other machines can reach");
  app.add_option("--metrics-signals", options.metrics_signals,
                 "signal names that get series of their own; the rest is 'other'")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  app.add_option("--max-message-mib", options.max_message_mib, "largest message to receive")
      ->check(CLI::Range(2, 1024))
      ->capture_default_str();
  AddSwitch(app, "--reflection", options.reflection, "server reflection");
  app.add_option("--drain-seconds", options.drain_seconds,
                 "how long running calls may take to end after SIGTERM or SIGINT")
      ->check(CLI::Range(0, 86400))
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "debug, info, warning, error or off")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
}

}  // namespace

Invocation ParseCommandLine(int argc, const char* const* argv) {
  ServerOptions options;
  CLI::App app("steerd keeps a language model resident and steers it per request, over gRPC.",
               "steerd");
  app.set_version_flag("--version", absl::StrCat("steerd ", Version()));
  app.footer(
      "A first SIGTERM or SIGINT lets running calls end (--drain-seconds), a second one stops at "
      "once.\nExit code: 0 clean, 1 could not start, 2 bad flags, 3 running work was cut.");
  AddModelOptions(app, options.runtime);
  AddSchedulingOptions(app, options.runtime);
  AddServerOptions(app, options);
  Invocation invocation;
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    const int code = app.exit(error, out, out);
    invocation.output = out.str();
    invocation.exit_code = code == 0 ? 0 : 2;
    return invocation;
  }
  absl::Status status = CheckDevices(options.runtime);
  if (status.ok()) status = CheckListenAddresses(options);
  if (!status.ok()) {
    invocation.output = absl::StrCat(std::string(status.message()), "\n");
    invocation.exit_code = 2;
    return invocation;
  }
  invocation.options = std::move(options);
  return invocation;
}

bool IsLocalAddress(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host(HostOf(address));
  if (host == "localhost" || host == "::1") return true;
  in_addr numeric{};
  constexpr uint32_t kLoopbackNet = 127;
  return inet_pton(AF_INET, host.c_str(), &numeric) == 1 &&
         ntohl(numeric.s_addr) >> 24 == kLoopbackNet;
}

absl::Status CheckListenAddresses(const ServerOptions& options) {
  if (options.insecure_listen_anywhere) return absl::OkStatus();
  const std::pair<absl::string_view, absl::string_view> flags[] = {
      {"--listen", options.listen}, {"--metrics-listen", options.metrics_listen}};
  for (const auto& [flag, address] : flags) {
    if (address == "off" || IsLocalAddress(address)) continue;
    return InvalidField(flag, address,
                        "a loopback address or unix:/path. Other machines could reach this one, "
                        "and this version speaks plain text without authentication: give "
                        "--insecure-listen-anywhere to do so all the same");
  }
  return absl::OkStatus();
}

}  // namespace steer
