#include "server/answers.h"

#include <string>

namespace steer {
namespace {

std::string Text(absl::string_view text) { return std::string(text); }

v1::Site SiteToProto(const ModelInfo& model, const std::string& name) {
  v1::Site site;
  site.set_name(name);
  for (int i = 0; i < kSiteKinds; ++i) {
    const SiteKind kind = static_cast<SiteKind>(i);
    if (Text(Name(kind)) != name) continue;
    site.set_in(model.shape.Dims(kind).in);
    site.set_out(model.shape.Dims(kind).out);
  }
  return site;
}

v1::Pool ToProto(const PoolStats& pool) {
  v1::Pool out;
  out.set_name(pool.name);
  out.set_healthy(!pool.engine.failed);
  out.set_kv_blocks(pool.engine.kv_blocks_total);
  out.set_kv_block_size(pool.block_size);
  out.set_learning_only(pool.learning_only);
  return out;
}

// What a request gets that leaves everything out: the model's own where it has them.
v1::Sampling DefaultSampling(const GenerationConfig& config) {
  const SamplingParams built_in;
  v1::Sampling out;
  out.set_temperature(config.temperature.value_or(built_in.temperature));
  out.set_top_k(config.top_k.value_or(built_in.top_k));
  out.set_top_p(config.top_p.value_or(built_in.top_p));
  out.set_min_p(config.min_p.value_or(built_in.min_p));
  out.set_repetition_penalty(config.repetition_penalty.value_or(built_in.repetition_penalty));
  out.set_presence_penalty(built_in.presence_penalty);
  out.set_frequency_penalty(built_in.frequency_penalty);
  out.set_min_tokens(built_in.min_tokens);
  return out;
}

}  // namespace

v1::ResolvedControl ToProto(const ResolvedControl& control) {
  v1::ResolvedControl out;
  out.set_signal(control.name);
  out.set_signal_id(control.signal_id);
  out.set_kind(Text(Name(control.kind)));
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
  out.set_user_text_only(rule.user_text_only);
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
  out.set_provenance(record.provenance);
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

v1::Model ToProto(const ModelInfo& model, const std::vector<PoolStats>& pools) {
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
  out.set_has_chat_template(model.has_chat_template);
  out.set_default_system(model.default_system);
  for (const std::string& name : model.site_kinds) *out.add_sites() = SiteToProto(model, name);
  for (const PoolStats& pool : pools) *out.add_pools() = ToProto(pool);
  *out.mutable_default_sampling() = DefaultSampling(model.generation);
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
