#include "server/answers.h"
#include "server/version.h"

namespace steer {
namespace {

v1::Sampling ToProto(const SamplingParams& in) {
  v1::Sampling out;
  out.set_max_tokens(in.max_tokens);
  out.set_min_tokens(in.min_tokens);
  out.set_temperature(in.temperature);
  out.set_top_k(in.top_k);
  out.set_top_p(in.top_p);
  out.set_min_p(in.min_p);
  out.set_repetition_penalty(in.repetition_penalty);
  out.set_presence_penalty(in.presence_penalty);
  out.set_frequency_penalty(in.frequency_penalty);
  out.mutable_logit_bias()->insert(in.logit_bias.begin(), in.logit_bias.end());
  out.set_seed(in.seed);
  for (const std::string& stop : in.stop) out.add_stop(stop);
  out.mutable_stop_token_ids()->Add(in.stop_tokens.begin(), in.stop_tokens.end());
  out.set_ignore_eos(in.ignore_eos);
  out.set_log_probs(in.log_probs);
  out.set_top_log_probs(in.top_log_probs);
  if (in.prompt_log_probs) out.set_prompt_log_probs(*in.prompt_log_probs);
  return out;
}

v1::MultiplierChange ToProto(const MultiplierRun& run) {
  v1::MultiplierChange out;
  out.set_position(run.position);
  out.set_multiplier(run.m1);
  out.set_bias_multiplier(run.m2);
  return out;
}

// All sites of a signal act on the same positions.
void AddSteered(const SteeredTokens& steered, v1::AppliedControl& applied) {
  applied.set_steered_prompt_tokens(steered.prompt);
  applied.set_steered_generated_tokens(steered.generated);
  applied.set_steered_reused_tokens(steered.reused);
  for (const std::string& name : applied.control().sites()) {
    v1::SteeredSite& site = *applied.add_sites();
    site.set_site(name);
    site.set_prompt_tokens(steered.prompt);
    site.set_generated_tokens(steered.generated);
  }
}

v1::BudgetReceipt BudgetReceiptOf(const Admitted& admitted) {
  v1::BudgetReceipt out;
  const BudgetChoice& choice = *admitted.budget;
  out.set_max_utility_loss(choice.max_utility_loss);
  out.set_preference_gain(choice.preference_gain);
  out.set_utility_loss(choice.utility_loss);
  out.set_assumed_additive(choice.assumed_additive);
  for (size_t i = 0; i < choice.shares.size(); ++i) {
    const BudgetChoice::Share& share = choice.shares[i];
    v1::BudgetShare& copy = *out.add_shares();
    copy.set_signal_id(admitted.controls[i].signal_id);
    copy.set_curve_id(share.curve_id);
    copy.set_multiplier(share.multiplier);
    if (share.preference_gain) copy.set_preference_gain(*share.preference_gain);
    if (share.utility_loss) copy.set_utility_loss(*share.utility_loss);
    copy.set_from_points(share.from_points);
  }
  return out;
}

v1::Receipt ReceiptOf(const Admitted& admitted, const FinishedEvent& finished) {
  v1::Receipt receipt;
  receipt.set_model_fingerprint(admitted.model_fingerprint);
  receipt.set_seed(admitted.sampling.seed);
  receipt.set_server_version(Version());
  receipt.set_pool(admitted.pool);
  receipt.set_reused_prompt_tokens(finished.reused_prompt_tokens);
  receipt.set_preemptions(finished.preemptions);
  for (size_t i = 0; i < admitted.controls.size(); ++i) {
    v1::AppliedControl& applied = *receipt.add_controls();
    *applied.mutable_control() = ToProto(admitted.controls[i]);
    // Both are missing if it ended before its first step.
    if (i < finished.steered.size()) AddSteered(finished.steered[i], applied);
    if (i >= finished.multipliers.size()) continue;
    const std::vector<MultiplierRun>& runs = finished.multipliers[i];
    // A change before the first step replaced what the request came with.
    applied.mutable_control()->set_multiplier(runs.front().m1);
    applied.mutable_control()->set_bias_multiplier(runs.front().m2);
    for (size_t k = 1; k < runs.size(); ++k) *applied.add_changes() = ToProto(runs[k]);
  }
  if (admitted.budget) *receipt.mutable_budget() = BudgetReceiptOf(admitted);
  return receipt;
}

}  // namespace

v1::GenerationStarted ToProto(const Admitted& admitted) {
  v1::GenerationStarted out;
  out.set_request_id(admitted.id);
  *out.mutable_sampling() = ToProto(admitted.sampling);
  out.set_prompt_tokens(admitted.prompt_tokens);
  out.set_truncated_tokens(admitted.truncated_tokens);
  out.set_n(admitted.n);
  return out;
}

v1::TopLogProbs ToProto(const TopLogProbs& top) {
  v1::TopLogProbs out;
  for (const TokenLogProb& one : top) {
    v1::TokenLogProb& token = *out.add_tokens();
    token.set_id(one.token);
    token.set_log_prob(one.log_prob);
  }
  return out;
}

v1::PromptTokens ToProto(const PromptText& prompt, const PromptEvent* event) {
  v1::PromptTokens out;
  out.set_text(prompt.text);
  out.mutable_ids()->Add(prompt.tokens.begin(), prompt.tokens.end());
  if (event == nullptr) return out;
  for (const double log_prob : event->log_probs) out.add_log_probs(static_cast<float>(log_prob));
  for (const TopLogProbs& top : event->top) *out.add_top_log_probs() = ToProto(top);
  return out;
}

v1::UpdatedCompletion ToProto(const UpdatedCompletion& completion) {
  v1::UpdatedCompletion out;
  out.set_completion(completion.completion);
  out.set_position(completion.position);
  out.set_first_token(completion.first_token);
  return out;
}

v1::GenerationFinished ToProto(const Admitted& admitted, const FinishedEvent& finished) {
  v1::GenerationFinished out;
  out.set_finish_reason(std::string(Name(finished.reason)));
  out.mutable_usage()->set_prompt_tokens(finished.prompt_tokens);
  out.mutable_usage()->set_generated_tokens(finished.generated_tokens);
  out.mutable_usage()->set_reused_prompt_tokens(finished.reused_prompt_tokens);
  out.mutable_timings()->set_queue_seconds(finished.queue_seconds);
  out.mutable_timings()->set_first_token_seconds(finished.first_token_seconds);
  out.mutable_timings()->set_total_seconds(finished.total_seconds);
  *out.mutable_receipt() = ReceiptOf(admitted, finished);
  return out;
}

}  // namespace steer
