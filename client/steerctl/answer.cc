#include "client/steerctl/answer.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/steerctl/json.h"
#include "client/steerctl/session.h"
#include "client/steerctl/terminal.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr size_t kShownDigits = 12;  // of an id

int Completions(const v1::GenerateRequest& request) {
  return request.has_n() ? std::max(request.n(), 1) : 1;
}

void Append(const v1::GeneratedTokens& more, v1::GeneratedTokens& tokens) {
  absl::StrAppend(tokens.mutable_text(), more.text());
  tokens.mutable_ids()->MergeFrom(more.ids());
  tokens.mutable_log_probs()->MergeFrom(more.log_probs());
  tokens.mutable_top_log_probs()->MergeFrom(more.top_log_probs());
}

std::string EndText(const v1::GenerationFinished& end) {
  std::string text = absl::StrFormat(
      "%d tokens in %.2f s, the first after %.2f s; %d of %d prompt tokens reused; seed %d; "
      "ended by %s",
      end.usage().generated_tokens(), end.timings().total_seconds(),
      end.timings().first_token_seconds(), end.usage().reused_prompt_tokens(),
      end.usage().prompt_tokens(), end.receipt().seed(), end.finish_reason());
  if (end.receipt().preemptions() > 0) {
    absl::StrAppend(&text, "; made room ", end.receipt().preemptions(), " times");
  }
  return text;
}

// "token 3", or "prompt position 7" for what acts before the first token.
std::string PlaceText(int position, int prompt_tokens) {
  const int token = position - (prompt_tokens - 1);
  return token >= 0 ? absl::StrCat("token ", token) : absl::StrCat("prompt position ", position);
}

std::string AppliedText(const v1::AppliedControl& applied, int prompt_tokens) {
  const v1::ResolvedControl& control = applied.control();
  std::string text =
      absl::StrCat(control.signal(), " (", control.signal_id().substr(0, kShownDigits), ") x ",
                   control.multiplier());
  for (const v1::MultiplierChange& change : applied.changes()) {
    absl::StrAppend(&text, ", x ", change.multiplier(), " from ",
                    PlaceText(change.position(), prompt_tokens), " on,");
  }
  absl::StrAppend(&text, " at ", absl::StrJoin(control.sites(), " "), " on ",
                  applied.steered_prompt_tokens(), " prompt and ",
                  applied.steered_generated_tokens(), " generated tokens");
  return text;
}

std::string BudgetedText(const v1::GenerateRequest& request) {
  const v1::UtilityBudget& budget = request.budget();
  const std::string text = absl::StrJoin(
      request.controls(), ", ", [&budget](std::string* out, const v1::Control& control) {
        const auto& less = budget.less_preference();
        const bool is_less = std::find(less.begin(), less.end(), control.signal()) != less.end();
        absl::StrAppend(out, is_less ? "less " : "", control.signal());
      });
  return absl::StrCat(text, ", within ", budget.max_utility_loss(), " nats");
}

// What one signal has of the budget; `name` is how the request spelt it.
std::string ShareText(const v1::BudgetShare& share, absl::string_view name) {
  std::string text = absl::StrFormat("  %s x %.4g by curve %s", name, share.multiplier(),
                                     share.curve_id().substr(0, kShownDigits));
  if (share.has_preference_gain())
    absl::StrAppendFormat(&text, ": gain %+.4f", share.preference_gain());
  if (share.has_utility_loss()) absl::StrAppendFormat(&text, ", loss %+.4f", share.utility_loss());
  if (share.from_points()) absl::StrAppend(&text, ", between measured points");
  return text;
}

std::string BudgetText(const v1::Receipt& receipt) {
  const v1::BudgetReceipt& budget = receipt.budget();
  std::string text = absl::StrFormat(
      "budget of %g nats, predicted: gain of preference %+.4f, loss of utility %+.4f%s",
      budget.max_utility_loss(), budget.preference_gain(), budget.utility_loss(),
      budget.assumed_additive() ? ", assuming that the signals' add up" : "");
  for (int i = 0; i < budget.shares_size(); ++i) {
    const v1::BudgetShare& share = budget.shares(i);
    const std::string name =
        i < receipt.controls_size() ? receipt.controls(i).control().signal() : share.signal_id();
    absl::StrAppend(&text, "\n", ShareText(share, name));
  }
  return text;
}

nlohmann::ordered_json CompletionJson(const Completion& completion) {
  const v1::GeneratedTokens& tokens = completion.tokens;
  nlohmann::ordered_json json = {{"text", tokens.text()}};
  const nlohmann::ordered_json all = ToJson(tokens);
  json["ids"] = all["ids"];
  if (!tokens.log_probs().empty()) json["log_probs"] = all["log_probs"];
  if (!tokens.top_log_probs().empty()) json["top_log_probs"] = all["top_log_probs"];
  json["finished"] = ToJson(completion.finished);
  return json;
}

}  // namespace

Question::Question(const v1::GenerateRequest& request, const AnswerOptions& options)
    : options_(options), progress_(request), printer_(Completions(request), &Print) {
  for (int i = 0; i < Completions(request); ++i) answer_.completions[i];
}

absl::Status Question::Ask(Client& client, std::stop_token stop) {
  STEER_ASSIGN_OR_RETURN(const v1::GenerateRequest request, progress_.Rest());
  return client.Generate(
      request,
      [&](const v1::GenerateResponse& event) {
        Take(event);
        return true;
      },
      std::move(stop));
}

void Question::Take(const v1::GenerateResponse& event) {
  progress_.Take(event);
  if (event.has_started()) {
    answer_.started = event.started();
    if (options_.tell_request_id) {
      std::fprintf(stderr, "request %llu\n",
                   static_cast<unsigned long long>(event.started().request_id()));
    }
  }
  if (event.has_prompt()) {
    answer_.prompt = event.prompt();
    // The answer continues it, so one completion stands on the same line.
    if (options_.show) Print(event.prompt().text());
    if (options_.show && answer_.completions.size() > 1) Print("\n");
  }
  if (event.has_tokens()) {
    const int completion = event.tokens().completion();
    Append(event.tokens(), answer_.completions[completion].tokens);
    if (options_.show) printer_.Add(completion, event.tokens().text());
  }
  if (event.has_finished()) {
    const int completion = event.finished().completion();
    answer_.completions[completion].finished = event.finished();
    if (options_.show) printer_.Finish(completion);
  }
}

Answer Question::Close() && {
  printer_.Close();
  return std::move(answer_);
}

v1::GenerateRequest PlainTwin(v1::GenerateRequest request, const Answer& answer) {
  request.clear_controls();
  request.clear_budget();
  request.mutable_sampling()->set_seed(answer.started.sampling().seed());
  return request;
}

std::string ControlsText(const v1::GenerateRequest& request) {
  if (request.controls().empty()) return "plain";
  if (request.has_budget()) return BudgetedText(request);
  return absl::StrJoin(request.controls(), " ", [](std::string* out, const v1::Control& control) {
    absl::StrAppend(out, control.signal());
    if (control.has_multiplier()) absl::StrAppend(out, "=", control.multiplier());
    if (control.has_bias_multiplier()) absl::StrAppend(out, ":", control.bias_multiplier());
  });
}

std::string Note(const Answer& answer) {
  std::string note;
  if (answer.started.truncated_tokens() > 0) {
    absl::StrAppend(&note, answer.started.truncated_tokens(), " prompt tokens left out\n");
  }
  for (const auto& [number, completion] : answer.completions) {
    if (number > 0) absl::StrAppend(&note, "\n");
    if (answer.completions.size() > 1) absl::StrAppend(&note, "completion ", number, ": ");
    absl::StrAppend(&note, EndText(completion.finished));
    // Completions differ in their controls only in how many tokens they steered.
    for (const v1::AppliedControl& applied : completion.finished.receipt().controls()) {
      absl::StrAppend(&note, "\n",
                      AppliedText(applied, completion.finished.usage().prompt_tokens()));
    }
  }
  // All completions have the same.
  const v1::Receipt& receipt = answer.completions.begin()->second.finished.receipt();
  if (receipt.has_budget()) absl::StrAppend(&note, "\n", BudgetText(receipt));
  return note;
}

void ShowNote(const std::string& text, bool always) {
  if (StderrIsTerminal()) {
    std::fprintf(stderr, "\x1b[2m%s\x1b[0m\n", EscapeControls(text).c_str());
  } else if (always) {
    std::fprintf(stderr, "%s\n", text.c_str());
  }
}

nlohmann::ordered_json ToJson(const Answer& answer) {
  nlohmann::ordered_json json = {{"started", ToJson(answer.started)}};
  if (answer.prompt) json["prompt"] = ToJson(*answer.prompt);
  if (answer.completions.size() == 1) {
    json.update(CompletionJson(answer.completions.at(0)));
    return json;
  }
  json["completions"] = nlohmann::ordered_json::array();
  for (const auto& [number, completion] : answer.completions) {
    json["completions"].push_back(CompletionJson(completion));
  }
  return json;
}

}  // namespace steer
