#include "server/answers.h"

#include <string>

namespace steer {
namespace {

std::string Text(absl::string_view text) { return std::string(text); }

v1::Odds ToProto(const PairOdds& odds) {
  v1::Odds out;
  out.set_positive_loss(odds.positive_loss);
  out.set_negative_loss(odds.negative_loss);
  out.set_preference(odds.preference);
  if (odds.utility) out.set_utility(*odds.utility);
  out.set_utility_valid(odds.utility.has_value());
  return out;
}

v1::OddsAggregate ToProto(const OddsSummary& summary) {
  v1::OddsAggregate out;
  out.set_preference(summary.preference);
  if (summary.utility) out.set_utility(*summary.utility);
  out.set_utility_valid(summary.utility_valid);
  out.set_preference_positive_rate(summary.preference_positive_rate);
  return out;
}

v1::Job::State ToProto(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return v1::Job::QUEUED;
    case JobState::kRunning:
      return v1::Job::RUNNING;
    case JobState::kSucceeded:
      return v1::Job::SUCCEEDED;
    case JobState::kFailed:
      return v1::Job::FAILED;
    case JobState::kCancelled:
      return v1::Job::CANCELLED;
  }
  return v1::Job::STATE_UNSPECIFIED;
}

}  // namespace

v1::GenerationStarted ToProto(const Admitted& admitted) {
  v1::GenerationStarted out;
  out.set_request_id(admitted.id);
  out.set_prompt_tokens(admitted.prompt_tokens);
  v1::Sampling& sampling = *out.mutable_sampling();
  sampling.set_max_tokens(admitted.sampling.max_tokens);
  sampling.set_temperature(admitted.sampling.temperature);
  sampling.set_top_k(admitted.sampling.top_k);
  sampling.set_top_p(admitted.sampling.top_p);
  sampling.set_seed(admitted.sampling.seed);
  for (const std::string& stop : admitted.sampling.stop) sampling.add_stop(stop);
  sampling.set_log_probs(admitted.sampling.log_probs);
  return out;
}

v1::GenerationFinished ToProto(const Admitted& admitted, const FinishedEvent& finished) {
  v1::GenerationFinished out;
  out.set_finish_reason(Text(Name(finished.reason)));
  out.mutable_usage()->set_prompt_tokens(finished.prompt_tokens);
  out.mutable_usage()->set_generated_tokens(finished.generated_tokens);
  out.mutable_timings()->set_queue_seconds(finished.queue_seconds);
  out.mutable_timings()->set_first_token_seconds(finished.first_token_seconds);
  out.mutable_timings()->set_total_seconds(finished.total_seconds);
  v1::Receipt& receipt = *out.mutable_receipt();
  receipt.set_model_fingerprint(admitted.model_fingerprint);
  receipt.set_seed(admitted.sampling.seed);
  for (size_t i = 0; i < admitted.controls.size(); ++i) {
    v1::AppliedControl& applied = *receipt.add_controls();
    *applied.mutable_control() = ToProto(admitted.controls[i]);
    if (i >= finished.steered.size()) continue;  // it ended before its first step
    applied.set_steered_prompt_tokens(finished.steered[i].prompt);
    applied.set_steered_generated_tokens(finished.steered[i].generated);
  }
  return out;
}

v1::ResolvedControl ToProto(const ResolvedControl& control) {
  v1::ResolvedControl out;
  out.set_signal(control.name);
  out.set_signal_id(control.signal_id);
  out.set_multiplier(control.m1);
  out.set_bias_multiplier(control.m2);
  *out.mutable_positions() = ToProto(control.positions);
  for (const std::string& site : control.sites) out.add_sites(site);
  out.set_other_weights(control.other_weights);
  return out;
}

v1::PositionRule ToProto(const PositionRule& rule) {
  v1::PositionRule out;
  out.set_prompt(rule.prompt);
  out.set_generated(rule.generated);
  out.set_exclude_template_head(rule.exclude_template_head);
  return out;
}

v1::Signal ToProto(const SignalRecord& record) {
  v1::Signal out;
  out.set_id(record.id);
  out.set_kind(Text(Name(record.kind)));
  for (const std::string& site : record.sites) out.add_sites(site);
  out.set_model_shape(record.marks.shape);
  out.set_model_weights(record.marks.weights);
  out.set_default_multiplier(record.default_multiplier);
  *out.mutable_default_positions() = ToProto(record.default_positions);
  out.set_payload_bytes(record.payload_bytes);
  out.set_created_unix_ms(record.created_unix_ms);
  out.mutable_labels()->insert(record.labels.begin(), record.labels.end());
  out.set_description(record.description);
  for (const std::string& alias : record.aliases) out.add_aliases(alias);
  return out;
}

v1::Alias ToProto(const AliasRecord& record) {
  v1::Alias out;
  out.set_name(record.name);
  out.set_signal_id(record.signal_id);
  out.set_version(record.version);
  out.set_updated_unix_ms(record.updated_unix_ms);
  return out;
}

v1::Job ToProto(const JobRecord& record) {
  v1::Job out;
  out.set_id(record.id);
  out.set_state(ToProto(record.state));
  out.set_learner(record.learner);
  out.set_done(record.done);
  out.set_total(record.total);
  out.set_signal_id(record.signal_id);
  out.mutable_results()->insert(record.results.begin(), record.results.end());
  if (record.state == JobState::kFailed) out.set_error(Text(record.status.message()));
  out.set_created_unix_ms(record.created_unix_ms);
  out.set_finished_unix_ms(record.finished_unix_ms);
  return out;
}

v1::ScorePoint ToProto(const ScorePoint& point, bool omit_pairs) {
  v1::ScorePoint out;
  out.set_multiplier(point.multiplier);
  *out.mutable_mean() = ToProto(point.mean);
  *out.mutable_sum() = ToProto(point.sum);
  if (omit_pairs) return out;
  out.mutable_pairs()->Reserve(static_cast<int>(point.pairs.size()));
  for (const ScoredPair& pair : point.pairs) {
    v1::PairScore& score = *out.add_pairs();
    *score.mutable_mean() = ToProto(pair.mean);
    *score.mutable_sum() = ToProto(pair.sum);
    score.set_positive_tokens(pair.positive_tokens);
    score.set_negative_tokens(pair.negative_tokens);
    score.set_prompt_is_prefix(pair.prompt_is_prefix);
  }
  return out;
}

v1::PreferenceSlope ToProto(const PreferenceSlope& slope) {
  v1::PreferenceSlope out;
  out.set_low_multiplier(slope.low_multiplier);
  out.set_high_multiplier(slope.high_multiplier);
  out.set_slope(slope.slope);
  out.set_interval_low(slope.interval.low);
  out.set_interval_high(slope.interval.high);
  return out;
}

v1::Model ToProto(const ModelInfo& model) {
  v1::Model out;
  out.set_name(model.name);
  out.set_architecture(model.architecture);
  out.set_fingerprint(model.fingerprint);
  out.set_shape_mark(model.marks.shape);
  out.set_weights_mark(model.marks.weights);
  out.set_layers(model.shape.layers);
  out.set_hidden(model.shape.hidden);
  out.set_ffn(model.shape.ffn);
  out.set_heads(model.heads);
  out.set_kv_heads(model.kv_heads);
  out.set_head_dim(model.head_dim);
  out.set_vocabulary(model.vocabulary);
  out.set_parameters(model.parameters);
  out.set_context_limit(model.context_limit);
  out.set_dtype(model.dtype);
  out.set_device(model.device);
  out.set_has_chat_template(model.has_chat_template);
  out.set_default_system(model.default_system);
  for (const std::string& name : model.site_kinds) {
    v1::Site& site = *out.add_sites();
    site.set_name(name);
    for (int i = 0; i < kSiteKinds; ++i) {
      const SiteKind kind = static_cast<SiteKind>(i);
      if (Text(Name(kind)) != name) continue;
      site.set_in(model.shape.Dims(kind).in);
      site.set_out(model.shape.Dims(kind).out);
    }
  }
  return out;
}

v1::TokenizeResponse ToProto(const TokenizedText& text) {
  v1::TokenizeResponse out;
  out.mutable_ids()->Add(text.tokens.begin(), text.tokens.end());
  for (const std::string& piece : text.pieces) out.add_pieces(piece);
  out.set_head_length(text.head_length);
  return out;
}

}  // namespace steer
