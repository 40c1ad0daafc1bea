#pragma once

#include <functional>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/steer_client.h"
#include "client/steerctl/interrupt.h"

namespace steer {

// What all commands share. The parser fills it, then main runs `action`.
struct Session {
  ClientOptions connection;
  bool json = false;
  // A pointer, so that commands can arm it while they see the rest as const.
  std::unique_ptr<Interrupt> interrupt = std::make_unique<Interrupt>();
  std::function<absl::Status()> action;

  absl::StatusOr<std::unique_ptr<Client>> Connect() const;
};

// Makes `command`, when it is the one given, run `run` over its options, which it keeps alive.
template <typename Options>
void SetAction(CLI::App& command, Session& session, std::shared_ptr<Options> options,
               absl::Status (*run)(const Session&, const Options&)) {
  command.callback([&session, options = std::move(options), run] {
    session.action = [&session, options, run] { return run(session, *options); };
  });
}

// To standard output at once. Text of foreign origin is escaped if that is a terminal.
void Print(absl::string_view text);

// "steerctl: NOT_FOUND: …" with field, what came, what is allowed and the retry delay, as far as
// the message does not say so itself. Ends with a newline.
std::string ErrorText(const absl::Status& status);

}  // namespace steer
