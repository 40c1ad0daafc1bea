#pragma once

#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "client/steer_client.h"
#include "nlohmann/json.hpp"

namespace steer {

// One generation as it came in; on an error, what had come until then.
struct Answer {
  v1::GenerationStarted started;
  std::string text;
  v1::GenerationFinished finished;
};

// Runs `request` and fills `answer`; with `show`, prints the text while it arrives, and a newline
// at its end.
absl::Status Ask(Client& client, const v1::GenerateRequest& request, bool show,
                 std::stop_token stop, Answer& answer);

// The same request without signals, with the seed that `answer` had.
v1::GenerateRequest PlainTwin(v1::GenerateRequest request, const Answer& answer);

// "rude=2 calm", or "plain" without signals.
std::string ControlsText(const v1::GenerateRequest& request);

// One line: tokens, speed, why it ended, what steered.
std::string Note(const Answer& answer);
// `text` dimmed on standard error, if that is a terminal; else nothing.
void ShowNote(const std::string& text);

nlohmann::ordered_json ToJson(const Answer& answer);

}  // namespace steer
