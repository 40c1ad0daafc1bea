#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "client/generation_progress.h"
#include "client/steer_client.h"
#include "client/steerctl/completion_printer.h"
#include "nlohmann/json.hpp"

namespace steer {

struct Completion {
  v1::GeneratedTokens tokens;  // of all messages together
  v1::GenerationFinished finished;
};

// One generation as it came in; on an error, what had come until then.
struct Answer {
  v1::GenerationStarted started;
  std::optional<v1::PromptTokens> prompt;
  std::map<int, Completion> completions;  // by number; there is always a 0

  const std::string& text() const { return completions.at(0).tokens.text(); }
};

struct AnswerOptions {
  bool show = true;              // print the text while it arrives, and a newline at its end
  bool tell_request_id = false;  // on standard error, as soon as it is known
};

// Asks for one generation. Not thread-safe.
class Question {
 public:
  Question(const v1::GenerateRequest& request, const AnswerOptions& options);

  // Reads the answer to its end. After UNAVAILABLE it may be called again, also with another
  // client: the answer goes on where it broke off.
  absl::Status Ask(Client& client, std::stop_token stop);
  // The answer, once no more will come.
  Answer Close() &&;

 private:
  void Take(const v1::GenerateResponse& event);

  const AnswerOptions options_;
  GenerationProgress progress_;
  CompletionPrinter printer_;
  Answer answer_;
};

// The same request without signals and budget, with the seed that `answer` had.
v1::GenerateRequest PlainTwin(v1::GenerateRequest request, const Answer& answer);

// "rude=2 calm", "polite, less rude, within 0.3 nats", or "plain" without signals.
std::string ControlsText(const v1::GenerateRequest& request);

// A line a completion: tokens, speed, why it ended. Then what steered, and how its multipliers
// changed on the way, and what a budget bought.
std::string Note(const Answer& answer);
// `text` on standard error, dimmed if that is a terminal; if not, only with `always`.
void ShowNote(const std::string& text, bool always = false);

// One completion beside `started`, several under `completions`.
nlohmann::ordered_json ToJson(const Answer& answer);

}  // namespace steer
