#include "client/generation_progress.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// m1 as the request has it last; nullopt if it is the signal's own.
std::optional<double> LastMultiplier(const v1::Control& control) {
  if (!control.changes().empty()) return control.changes().rbegin()->multiplier();
  if (control.has_multiplier()) return control.multiplier();
  return std::nullopt;
}

absl::StatusOr<v1::MultiplierChange> ToChange(const v1::UpdateGenerationRequest& update,
                                              const v1::Control& control, int32_t position) {
  v1::MultiplierChange change;
  change.set_position(position);
  const std::optional<double> multiplier =
      update.has_multiplier() ? update.multiplier() : LastMultiplier(control);
  if (!multiplier) {
    return absl::FailedPreconditionError(
        absl::StrCat("the weight multiplier of ", control.signal(),
                     " is the signal's own, which is not known here; change both multipliers"));
  }
  change.set_multiplier(*multiplier);
  if (update.has_bias_multiplier()) change.set_bias_multiplier(update.bias_multiplier());
  return change;
}

bool HasMultiplier(const v1::Control& control) {
  return control.has_multiplier() || !control.changes().empty();
}

void Append(const v1::MultiplierChange& change, v1::Control& control) {
  // Nothing was computed yet, so this is the multiplier from the first position on.
  if (change.position() == 0) {
    control.set_multiplier(change.multiplier());
    control.clear_bias_multiplier();
    if (change.has_bias_multiplier()) control.set_bias_multiplier(change.bias_multiplier());
    return;
  }
  auto& changes = *control.mutable_changes();
  // Two changes between two steps: only the second acts.
  while (!changes.empty() && changes.rbegin()->position() >= change.position()) {
    changes.RemoveLast();
  }
  *changes.Add() = change;
}

}  // namespace

GenerationProgress::GenerationProgress(v1::GenerateRequest request)
    : request_(std::move(request)),
      ids_(request_.continue_tokens().begin(), request_.continue_tokens().end()) {}

void GenerationProgress::Take(const v1::GenerateResponse& event) {
  any_ = true;
  if (event.has_started()) started_ = event.started();
  if (event.has_prompt()) prompt_told_ = true;
  if (event.has_finished()) finished_ = true;
  ids_.insert(ids_.end(), event.tokens().ids().begin(), event.tokens().ids().end());
}

absl::Status GenerationProgress::TakeUpdate(const v1::UpdateGenerationRequest& update,
                                            const v1::UpdateGenerationResponse& response) {
  auto& controls = *request_.mutable_controls();
  const auto control = std::find_if(controls.begin(), controls.end(), [&](const v1::Control& each) {
    return each.signal() == update.signal();
  });
  if (control == controls.end()) return NotFound("signal", "signal", update.signal());
  for (const v1::UpdatedCompletion& completion : response.completions()) {
    if (completion.completion() != 0) continue;
    STEER_ASSIGN_OR_RETURN(const v1::MultiplierChange change,
                           ToChange(update, *control, completion.position()));
    Append(change, *control);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::GenerateRequest> GenerationProgress::Rest() const {
  if (!any_) return request_;
  if (request_.has_n() && request_.n() != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("a request for ", request_.n(), " completions cannot be resumed; one can"));
  }
  const auto tokens = static_cast<int>(ids_.size());
  if (finished_ || tokens >= started_.sampling().max_tokens()) {
    return absl::FailedPreconditionError(
        absl::StrCat("all ", tokens, " tokens have come; there is no rest"));
  }
  if (request_.has_budget() &&
      std::any_of(request_.controls().begin(), request_.controls().end(), &HasMultiplier)) {
    return absl::FailedPreconditionError(
        "the multipliers that the budget chose were changed, and what they were is not known here");
  }
  v1::GenerateRequest rest = request_;
  // With the seed that was drawn, and defaults that another server might have otherwise.
  *rest.mutable_sampling() = started_.sampling();
  rest.mutable_continue_tokens()->Assign(ids_.begin(), ids_.end());
  if (prompt_told_) {
    rest.clear_echo();
    rest.mutable_sampling()->clear_prompt_log_probs();
  }
  return rest;
}

}  // namespace steer
