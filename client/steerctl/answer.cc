#include "client/steerctl/answer.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/steerctl/json.h"
#include "client/steerctl/session.h"
#include "client/steerctl/terminal.h"

namespace steer {

absl::Status Ask(Client& client, const v1::GenerateRequest& request, bool show,
                 std::stop_token stop, Answer& answer) {
  const absl::Status status = client.Generate(
      request,
      [&](const v1::GenerateResponse& event) {
        if (event.has_started()) answer.started = event.started();
        if (event.has_finished()) answer.finished = event.finished();
        if (event.has_tokens()) {
          answer.text += event.tokens().text();
          if (show) Print(event.tokens().text());
        }
        return true;
      },
      std::move(stop));
  if (show && (!answer.text.empty() || status.ok())) Print("\n");
  return status;
}

v1::GenerateRequest PlainTwin(v1::GenerateRequest request, const Answer& answer) {
  request.clear_controls();
  request.mutable_sampling()->set_seed(answer.started.sampling().seed());
  return request;
}

std::string ControlsText(const v1::GenerateRequest& request) {
  if (request.controls().empty()) return "plain";
  return absl::StrJoin(request.controls(), " ", [](std::string* out, const v1::Control& control) {
    absl::StrAppend(out, control.signal());
    if (control.has_multiplier()) absl::StrAppend(out, "=", control.multiplier());
    if (control.has_bias_multiplier()) absl::StrAppend(out, ":", control.bias_multiplier());
  });
}

std::string Note(const Answer& answer) {
  const v1::GenerationFinished& end = answer.finished;
  std::string note = absl::StrFormat(
      "%d tokens in %.2f s, the first after %.2f s; seed %d; ended by %s",
      end.usage().generated_tokens(), end.timings().total_seconds(),
      end.timings().first_token_seconds(), end.receipt().seed(), end.finish_reason());
  for (const v1::AppliedControl& applied : end.receipt().controls()) {
    const v1::ResolvedControl& control = applied.control();
    absl::StrAppend(&note, "\n", control.signal(), " (", control.signal_id().substr(0, 12), ") x ",
                    control.multiplier(), " at ", absl::StrJoin(control.sites(), " "), " on ",
                    applied.steered_prompt_tokens(), " prompt and ",
                    applied.steered_generated_tokens(), " generated tokens");
  }
  return note;
}

void ShowNote(const std::string& text) {
  if (!StderrIsTerminal()) return;
  std::fprintf(stderr, "\x1b[2m%s\x1b[0m\n", EscapeControls(text).c_str());
}

nlohmann::ordered_json ToJson(const Answer& answer) {
  return {{"text", answer.text},
          {"started", ToJson(answer.started)},
          {"finished", ToJson(answer.finished)}};
}

}  // namespace steer
