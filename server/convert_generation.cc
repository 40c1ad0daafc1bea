#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/convert.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

constexpr int kMaxControls = 64;
constexpr int kMaxChanges = 1024;
constexpr int kMaxCompletions = 16;

absl::StatusOr<std::vector<MultiplierRun>> ToMultiplierRuns(
    const google::protobuf::RepeatedPtrField<v1::MultiplierChange>& changes,
    const std::string& field) {
  STEER_RETURN_IF_ERROR(CheckCount(field, changes.size(), 0, kMaxChanges));
  std::vector<MultiplierRun> runs;
  runs.reserve(changes.size());
  for (int i = 0; i < changes.size(); ++i) {
    const std::string name = absl::StrCat(field, "[", i, "]");
    const v1::MultiplierChange& change = changes[i];
    const int64_t least = runs.empty() ? 1 : int64_t{runs.back().position} + 1;
    if (change.position() < least) {
      return InvalidField(absl::StrCat(name, ".position"), absl::StrCat(change.position()),
                          absl::StrCat(least, " or more: by ascending position, from 1 on"));
    }
    STEER_RETURN_IF_ERROR(CheckFinite(absl::StrCat(name, ".multiplier"), change.multiplier()));
    const double m2 = change.has_bias_multiplier() ? change.bias_multiplier() : change.multiplier();
    STEER_RETURN_IF_ERROR(CheckFinite(absl::StrCat(name, ".bias_multiplier"), m2));
    runs.push_back({.position = change.position(), .m1 = change.multiplier(), .m2 = m2});
  }
  return runs;
}

absl::StatusOr<Truncation> ToTruncation(v1::Truncation truncation) {
  switch (truncation) {
    case v1::TRUNCATION_REFUSE:
      return Truncation::kRefuse;
    case v1::TRUNCATION_DROP_FIRST:
      return Truncation::kDropFirst;
    case v1::TRUNCATION_DROP_LAST:
      return Truncation::kDropLast;
    default:
      break;
  }
  return InvalidField("truncation", absl::StrCat(static_cast<int>(truncation)),
                      "TRUNCATION_REFUSE, TRUNCATION_DROP_FIRST or TRUNCATION_DROP_LAST");
}

}  // namespace

SamplingSpec ToSamplingSpec(const v1::Sampling& in) {
  SamplingSpec out;
  if (in.has_max_tokens()) out.max_tokens = in.max_tokens();
  if (in.has_min_tokens()) out.min_tokens = in.min_tokens();
  if (in.has_temperature()) out.temperature = in.temperature();
  if (in.has_top_k()) out.top_k = in.top_k();
  if (in.has_top_p()) out.top_p = in.top_p();
  if (in.has_min_p()) out.min_p = in.min_p();
  if (in.has_repetition_penalty()) out.repetition_penalty = in.repetition_penalty();
  if (in.has_presence_penalty()) out.presence_penalty = in.presence_penalty();
  if (in.has_frequency_penalty()) out.frequency_penalty = in.frequency_penalty();
  out.logit_bias.insert(in.logit_bias().begin(), in.logit_bias().end());
  if (in.has_seed()) out.seed = in.seed();
  out.stop.assign(in.stop().begin(), in.stop().end());
  out.stop_tokens.assign(in.stop_token_ids().begin(), in.stop_token_ids().end());
  out.ignore_eos = in.ignore_eos();
  out.log_probs = in.log_probs();
  out.top_log_probs = in.top_log_probs();
  if (in.has_prompt_log_probs()) out.prompt_log_probs = in.prompt_log_probs();
  return out;
}

absl::StatusOr<ControlSpec> ToControlSpec(const v1::Control& control, const std::string& field) {
  if (control.signal().empty()) {
    return InvalidField(absl::StrCat(field, ".signal"), "nothing", "a signal's id or alias");
  }
  ControlSpec spec;
  spec.signal = control.signal();
  spec.allow_other_weights = control.allow_other_weights();
  if (control.has_multiplier()) {
    STEER_RETURN_IF_ERROR(CheckFinite(absl::StrCat(field, ".multiplier"), control.multiplier()));
    spec.multiplier = control.multiplier();
  }
  if (control.has_bias_multiplier()) {
    STEER_RETURN_IF_ERROR(
        CheckFinite(absl::StrCat(field, ".bias_multiplier"), control.bias_multiplier()));
    spec.bias_multiplier = control.bias_multiplier();
  }
  if (control.has_positions()) {
    spec.positions = ToPositionRule(control.positions());
  }
  STEER_ASSIGN_OR_RETURN(spec.changes,
                         ToMultiplierRuns(control.changes(), absl::StrCat(field, ".changes")));
  return spec;
}

PositionRule ToPositionRule(const v1::PositionRule& message) {
  PositionRule rule;
  if (message.has_prompt()) rule.prompt = message.prompt();
  if (message.has_generated()) rule.generated = message.generated();
  rule.exclude_template_head = message.exclude_template_head();
  rule.user_text_only = message.user_text_only();
  return rule;
}

absl::StatusOr<std::vector<ControlSpec>> ToControlSpecs(
    const google::protobuf::RepeatedPtrField<v1::Control>& controls, bool with_changes) {
  STEER_RETURN_IF_ERROR(CheckCount("controls", controls.size(), 0, kMaxControls));
  std::vector<ControlSpec> specs;
  for (int i = 0; i < controls.size(); ++i) {
    const std::string field = absl::StrCat("controls[", i, "]");
    if (!with_changes && !controls[i].changes().empty()) {
      return InvalidField(absl::StrCat(field, ".changes"),
                          absl::StrCat(controls[i].changes_size(), " entries"),
                          "none: only Generate takes them");
    }
    STEER_ASSIGN_OR_RETURN(ControlSpec spec, ToControlSpec(controls[i], field));
    specs.push_back(std::move(spec));
  }
  return specs;
}

absl::StatusOr<PromptSpec> ToPromptSpec(const v1::Prompt& prompt) {
  PromptSpec spec;
  switch (prompt.kind_case()) {
    case v1::Prompt::kChat:
      if (prompt.chat().messages().empty()) {
        return InvalidField("prompt.chat.messages", "nothing", "at least one message");
      }
      for (int i = 0; i < prompt.chat().messages_size(); ++i) {
        const v1::ChatMessage& message = prompt.chat().messages(i);
        STEER_RETURN_IF_ERROR(
            CheckUtf8(absl::StrCat("prompt.chat.messages[", i, "].content"), message.content()));
        spec.messages.push_back({message.role(), message.content()});
      }
      return spec;
    case v1::Prompt::kText:
      STEER_RETURN_IF_ERROR(CheckUtf8("prompt.text", prompt.text()));
      spec.text = prompt.text();
      return spec;
    case v1::Prompt::kTokens:
      if (prompt.tokens().ids().empty()) {
        return InvalidField("prompt.tokens.ids", "nothing", "at least one token");
      }
      spec.token_ids.assign(prompt.tokens().ids().begin(), prompt.tokens().ids().end());
      return spec;
    case v1::Prompt::KIND_NOT_SET:
      break;
  }
  return InvalidField("prompt", "nothing", "exactly one of chat, text and tokens");
}

namespace {

absl::StatusOr<BudgetSpec> ToBudgetSpec(const v1::UtilityBudget& budget,
                                        const std::vector<ControlSpec>& controls) {
  for (size_t i = 0; i < controls.size(); ++i) {
    if (!controls[i].multiplier && !controls[i].bias_multiplier && controls[i].changes.empty())
      continue;
    return InvalidField(absl::StrCat("controls[", i, "].multiplier"), "a multiplier",
                        "none beside a budget, which chooses it");
  }
  if (!budget.has_max_utility_loss()) {
    return InvalidField("budget.max_utility_loss", "nothing", "a number of nats");
  }
  STEER_RETURN_IF_ERROR(CheckFinite("budget.max_utility_loss", budget.max_utility_loss()));
  BudgetSpec spec{
      .max_utility_loss = budget.max_utility_loss(),
      .less_preference = {budget.less_preference().begin(), budget.less_preference().end()},
      .curve_ids = {budget.curve_ids().begin(), budget.curve_ids().end()}};
  for (size_t i = 0; i < spec.curve_ids.size(); ++i)
    STEER_RETURN_IF_ERROR(CheckId(absl::StrCat("budget.curve_ids[", i, "]"), spec.curve_ids[i]));
  return spec;
}

}  // namespace

absl::StatusOr<GenerateSpec> ToGenerateSpec(const v1::GenerateRequest& request) {
  GenerateSpec spec;
  STEER_ASSIGN_OR_RETURN(spec.prompt, ToPromptSpec(request.prompt()));
  for (int i = 0; i < request.sampling().stop_size(); ++i) {
    STEER_RETURN_IF_ERROR(
        CheckUtf8(absl::StrCat("sampling.stop[", i, "]"), request.sampling().stop(i)));
  }
  spec.sampling = ToSamplingSpec(request.sampling());
  STEER_ASSIGN_OR_RETURN(spec.controls, ToControlSpecs(request.controls(), /*with_changes=*/true));
  if (request.has_budget()) {
    STEER_ASSIGN_OR_RETURN(spec.budget, ToBudgetSpec(request.budget(), spec.controls));
  }
  if (request.has_n()) {
    if (request.n() < 1 || request.n() > kMaxCompletions) {
      return InvalidField("n", absl::StrCat(request.n()), absl::StrCat("1 to ", kMaxCompletions));
    }
    spec.n = request.n();
  }
  spec.echo = request.echo();
  STEER_ASSIGN_OR_RETURN(spec.truncation, ToTruncation(request.truncation()));
  if (spec.n > 1 && !request.continue_tokens().empty()) {
    return InvalidField(
        "continue_tokens", absl::StrCat(request.continue_tokens_size(), " tokens"),
        absl::StrCat("none with n = ", spec.n, ": one answer is resumed at a time"));
  }
  spec.continue_tokens.assign(request.continue_tokens().begin(), request.continue_tokens().end());
  return spec;
}

absl::StatusOr<MultiplierUpdate> ToMultiplierUpdate(const v1::UpdateGenerationRequest& request) {
  if (request.signal().empty()) {
    return InvalidField("signal", "nothing", "a signal of the request: its id, or as it was spelt");
  }
  MultiplierUpdate update = {.request_id = request.request_id(), .signal = request.signal()};
  if (request.has_multiplier()) {
    STEER_RETURN_IF_ERROR(CheckFinite("multiplier", request.multiplier()));
    update.multiplier = request.multiplier();
  }
  if (request.has_bias_multiplier()) {
    STEER_RETURN_IF_ERROR(CheckFinite("bias_multiplier", request.bias_multiplier()));
    update.bias_multiplier = request.bias_multiplier();
  }
  if (!update.multiplier && !update.bias_multiplier) {
    return InvalidField("multiplier", "nothing", "multiplier, bias_multiplier or both");
  }
  return update;
}

}  // namespace steer
