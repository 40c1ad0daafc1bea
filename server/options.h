#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/runtime/runtime_options.h"

namespace steer {

struct ServerOptions {
  RuntimeOptions runtime;
  std::string listen = "127.0.0.1:7070";          // host:port, or unix:/path; port 0 = any
  std::string metrics_listen = "127.0.0.1:7071";  // host:port; "off" = no metrics endpoint
  bool insecure_listen_anywhere = false;          // plain text beyond loopback
  int metrics_signals = 50;                       // distinct signal labels, the rest is "other"
  int max_message_mib = 8;                        // of one received message
  bool reflection = true;
  int drain_seconds = 30;  // how long running calls may take after SIGTERM
  std::string log_level = "info";
};

// What a command line asks for: to serve, or to print something and leave.
struct Invocation {
  std::optional<ServerOptions> options;
  std::string output;  // help, version or the error; when there are no options
  int exit_code = 0;
};
Invocation ParseCommandLine(int argc, const char* const* argv);

// True for loopback addresses, "localhost" and unix sockets.
bool IsLocalAddress(absl::string_view address);

// INVALID_ARGUMENT if an address is open to other machines and --insecure-listen-anywhere was not
// given.
absl::Status CheckListenAddresses(const ServerOptions& options);

}  // namespace steer
