#include "core/runtime/admission.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

absl::Status CheckMultiplier(double m, double limit, const std::string& field) {
  if (std::isfinite(m) && std::abs(m) <= limit) return absl::OkStatus();
  return InvalidField(field, absl::StrCat(m),
                      absl::StrCat("a finite number from ", -limit, " to ", limit));
}

}  // namespace

ControlSet PreparedControls::Scaled(double factor) const {
  ControlSet scaled = set;
  for (ControlEntry& entry : scaled) {
    entry.m1 *= factor;
    entry.m2 *= factor;
  }
  return scaled;
}

Admission::Admission(const ModelConfig& config, ModelMarks marks, const Tokenizer* tokenizer,
                     const ChatTemplate* chat, SignalStore* store, ResidentSignals* resident,
                     Limits limits)
    : config_(config),
      marks_(std::move(marks)),
      tokenizer_(tokenizer),
      chat_(chat),
      store_(store),
      resident_(resident),
      limits_(limits) {}

std::vector<TokenId> Admission::EncodeRaw(const std::string& text) const {
  std::vector<TokenId> tokens = tokenizer_->Encode(text, /*parse_special=*/true);
  if (tokenizer_->bos()) tokens.insert(tokens.begin(), *tokenizer_->bos());
  return tokens;
}

absl::StatusOr<PreparedPrompt> Admission::Chat(const std::vector<ChatMessage>& messages) const {
  if (chat_ == nullptr) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"NO_CHAT_TEMPLATE", "prompt.chat", "chat messages",
         "raw text or token ids: this model's file has no chat template that this server renders"});
  }
  STEER_ASSIGN_OR_RETURN(RenderedChat chat, chat_->Render(messages));
  PreparedPrompt prompt;
  prompt.layout = {.prompt_length = static_cast<int>(chat.tokens.size()),
                   .head_length = chat.head_length};
  prompt.tokens = std::move(chat.tokens);
  return prompt;
}

absl::StatusOr<PreparedPrompt> Admission::Prompt(const PromptSpec& spec) const {
  PreparedPrompt prompt;
  if (!spec.messages.empty()) {
    STEER_ASSIGN_OR_RETURN(prompt, Chat(spec.messages));
  } else if (spec.text) {
    prompt.tokens = EncodeRaw(*spec.text);
  } else {
    for (size_t i = 0; i < spec.token_ids.size(); ++i) {
      const TokenId id = spec.token_ids[i];
      if (id >= 0 && id < config_.vocabulary) continue;
      return InvalidField(absl::StrCat("prompt.tokens.ids[", i, "]"), absl::StrCat(id),
                          absl::StrCat("0..", config_.vocabulary - 1));
    }
    prompt.tokens = spec.token_ids;
  }
  if (prompt.tokens.empty()) return InvalidField("prompt", "no tokens", "at least one token");
  if (static_cast<int>(prompt.tokens.size()) >= limits_.positions) {
    return InvalidField("prompt", absl::StrCat(prompt.tokens.size(), " tokens"),
                        absl::StrCat("1..", limits_.positions - 1, " tokens"));
  }
  prompt.layout.prompt_length =
      static_cast<int>(prompt.tokens.size());  // head_length stays 0 without a template
  return prompt;
}

absl::Status Admission::CheckLength(int prompt_tokens, const SamplingParams& sampling) const {
  const int room = limits_.positions - prompt_tokens;
  if (sampling.max_tokens <= room) return absl::OkStatus();
  return InvalidField("sampling.max_tokens", absl::StrCat(sampling.max_tokens),
                      absl::StrCat("1..", room, " after a prompt of ", prompt_tokens, " tokens"));
}

absl::StatusOr<ControlEntry> Admission::Control(const ControlSpec& spec, const std::string& field,
                                                ResolvedControl& resolved) const {
  absl::StatusOr<SignalRecord> found = store_->Get(spec.signal);
  if (absl::IsNotFound(found.status())) return NotFound(field + ".signal", "signal", spec.signal);
  STEER_ASSIGN_OR_RETURN(const SignalRecord record, std::move(found));
  if (!record.marks.shape.empty() && record.marks.shape != marks_.shape) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"OTHER_MODEL", field + ".signal",
         absl::StrCat("'", spec.signal, "', made for model shape ", record.marks.shape),
         absl::StrCat("a signal made for shape ", marks_.shape)});
  }
  const bool other_weights =
      !record.marks.weights.empty() && record.marks.weights != marks_.weights;
  if (other_weights && !spec.allow_other_weights) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"OTHER_WEIGHTS", field + ".signal",
         absl::StrCat("'", spec.signal, "', made for weights ", record.marks.weights),
         absl::StrCat("a signal made for weights ", marks_.weights, ", or allow_other_weights")});
  }
  ControlEntry entry;
  entry.m1 = spec.multiplier.value_or(record.default_multiplier);
  entry.m2 = spec.bias_multiplier.value_or(entry.m1);
  entry.positions = spec.positions.value_or(record.default_positions);
  STEER_RETURN_IF_ERROR(CheckMultiplier(entry.m1, limits_.max_multiplier, field + ".multiplier"));
  STEER_RETURN_IF_ERROR(
      CheckMultiplier(entry.m2, limits_.max_multiplier, field + ".bias_multiplier"));
  STEER_RETURN_IF_ERROR(Validate(entry.positions, field + ".positions"));
  absl::StatusOr<std::shared_ptr<const ControlSignal>> signal = resident_->Get(record.id);
  if (!signal.ok()) return Annotate(signal.status(), field);
  entry.signal = *std::move(signal);
  resolved = {.name = spec.signal,
              .signal_id = record.id,
              .m1 = entry.m1,
              .m2 = entry.m2,
              .positions = entry.positions,
              .sites = record.sites,
              .other_weights = other_weights};
  return entry;
}

absl::StatusOr<PreparedControls> Admission::Controls(const std::vector<ControlSpec>& specs) const {
  if (static_cast<int>(specs.size()) > limits_.max_controls) {
    return InvalidField("controls", absl::StrCat(specs.size(), " signals"),
                        absl::StrCat("up to ", limits_.max_controls));
  }
  PreparedControls controls;
  std::set<std::string> seen;
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::string field = absl::StrCat("controls[", i, "]");
    ResolvedControl resolved;
    STEER_ASSIGN_OR_RETURN(ControlEntry entry, Control(specs[i], field, resolved));
    if (!seen.insert(resolved.signal_id).second) {
      return InvalidField(field + ".signal", absl::StrCat("'", specs[i].signal, "' a second time"),
                          "each signal once; add the multipliers up");
    }
    controls.set.push_back(std::move(entry));
    controls.resolved.push_back(std::move(resolved));
  }
  return controls;
}

absl::Status Admission::CheckFactor(const PreparedControls& controls, double factor,
                                    const std::string& field) const {
  STEER_RETURN_IF_ERROR(CheckMultiplier(factor, limits_.max_multiplier, field));
  for (const ControlEntry& entry : controls.set) {
    const double largest = std::max(std::abs(entry.m1), std::abs(entry.m2));
    STEER_RETURN_IF_ERROR(CheckMultiplier(largest * factor, limits_.max_multiplier,
                                          field + " times the control's own"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Admission::JoinedText> Admission::Join(const PolarPair& pair,
                                                      const std::string& answer,
                                                      const PairFormat& format) const {
  PreparedPrompt prompt;
  JoinedText joined;
  std::vector<TokenId>& tokens = joined.text.tokens;
  if (format.raw) {
    prompt.tokens = EncodeRaw(pair.question);
    tokens = EncodeRaw(pair.question + answer);
    if (format.end_of_turn)
      tokens.insert(tokens.end(), chat_->end_of_turn().begin(), chat_->end_of_turn().end());
  } else {
    std::vector<ChatMessage> messages;
    if (!format.system.empty()) messages.push_back({"system", format.system});
    messages.push_back({"user", pair.question});
    STEER_ASSIGN_OR_RETURN(prompt, Chat(messages));
    // The conversation with the answer in it, less what the template writes after the answer.
    messages.push_back({"assistant", answer});
    STEER_ASSIGN_OR_RETURN(PreparedPrompt whole, Chat(messages));
    tokens = std::move(whole.tokens);
    size_t after = chat_->opening().size();
    if (!format.end_of_turn) after += chat_->end_of_turn().size();
    tokens.resize(tokens.size() - std::min(after, tokens.size()));
  }
  const size_t limit = std::min(prompt.tokens.size(), tokens.size());
  size_t shared = 0;
  while (shared < limit && prompt.tokens[shared] == tokens[shared]) ++shared;
  joined.prompt_is_prefix = shared == prompt.tokens.size();
  joined.text.layout = {
      .prompt_length = static_cast<int>(shared),
      .head_length = std::min(prompt.layout.head_length, static_cast<int>(shared))};
  return joined;
}

absl::StatusOr<TokenPair> Admission::Pair(const PolarPair& pair, const PairFormat& format,
                                          const std::string& field) const {
  TokenPair result;
  const auto join = [&](const std::string& answer, const char* name,
                        ForcedText& text) -> absl::Status {
    STEER_ASSIGN_OR_RETURN(JoinedText joined, Join(pair, answer, format));
    const int length = static_cast<int>(joined.text.tokens.size());
    if (joined.text.layout.prompt_length < 1) {
      return InvalidField(field + ".question", "no token that the answer does not change",
                          "a question of at least one token");
    }
    if (joined.text.layout.prompt_length >= length) {
      return InvalidField(absl::StrCat(field, ".", name), "no tokens of its own",
                          "an answer of at least one token");
    }
    if (length > limits_.positions) {
      return InvalidField(absl::StrCat(field, ".", name),
                          absl::StrCat(length, " tokens with the question"),
                          absl::StrCat("up to ", limits_.positions, " tokens"));
    }
    result.prompt_is_prefix = result.prompt_is_prefix && joined.prompt_is_prefix;
    text = std::move(joined.text);
    return absl::OkStatus();
  };
  STEER_RETURN_IF_ERROR(join(pair.positive, "positive", result.positive));
  STEER_RETURN_IF_ERROR(join(pair.negative, "negative", result.negative));
  return result;
}

absl::StatusOr<std::vector<TokenPair>> Admission::Pairs(const std::vector<PolarPair>& pairs,
                                                        const PairFormat& format) const {
  if (format.end_of_turn && chat_ == nullptr) {
    return InvalidField("end_of_turn", "true",
                        "false: this model has no chat template to take the suffix from");
  }
  std::vector<TokenPair> tokens;
  tokens.reserve(pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    STEER_ASSIGN_OR_RETURN(TokenPair pair, Pair(pairs[i], format, absl::StrCat("pairs[", i, "]")));
    tokens.push_back(std::move(pair));
  }
  return tokens;
}

}  // namespace steer
