#include "core/runtime/admission.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

size_t CommonPrefix(const std::vector<TokenId>& a, const std::vector<TokenId>& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                             a.begin());
}

}  // namespace

std::string AsQuestion(const std::string& system, const std::string& question) {
  return absl::StrCat(system, system.empty() ? "" : "\n\n", "Question: ", question, "\nAnswer:");
}

PromptSpec AsPrompt(const std::string& system, const std::string& question,
                    Admission::PairForm form) {
  PromptSpec prompt;
  if (form == Admission::PairForm::kChat) {
    if (!system.empty()) prompt.messages.push_back({"system", system});
    prompt.messages.push_back({"user", question});
  } else {
    prompt.text = form == Admission::PairForm::kVerbatim ? question : AsQuestion(system, question);
  }
  return prompt;
}

std::vector<TokenId> Admission::EncodeRaw(const std::string& text) const {
  std::vector<TokenId> tokens = model_.tokenizer->Encode(text, /*parse_special=*/true);
  if (model_.tokenizer->bos()) tokens.insert(tokens.begin(), *model_.tokenizer->bos());
  return tokens;
}

absl::StatusOr<PreparedPrompt> Admission::Chat(const std::vector<ChatMessage>& messages) const {
  if (model_.chat == nullptr) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"NO_CHAT_TEMPLATE", "prompt.chat", "chat messages",
         "raw text or token ids: this model's file has no chat template that this server renders"});
  }
  STEER_ASSIGN_OR_RETURN(RenderedChat chat, model_.chat->Render(messages));
  PreparedPrompt prompt;
  prompt.layout = {.prompt_length = static_cast<int>(chat.tokens.size()),
                   .head_length = chat.head_length,
                   .user_begin = chat.user_begin,
                   .user_end = chat.user_end};
  prompt.tokens = std::move(chat.tokens);
  return prompt;
}

absl::Status Admission::CheckIds(const std::vector<TokenId>& ids, const std::string& field) const {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] >= 0 && ids[i] < model_.vocabulary) continue;
    return InvalidField(absl::StrCat(field, "[", i, "]"), absl::StrCat(ids[i]),
                        absl::StrCat("0..", model_.vocabulary - 1));
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedPrompt> Admission::Tokens(const PromptSpec& spec) const {
  PreparedPrompt prompt;
  if (!spec.messages.empty()) {
    STEER_ASSIGN_OR_RETURN(prompt, Chat(spec.messages));
  } else if (spec.text) {
    prompt.tokens = EncodeRaw(*spec.text);
  } else {
    STEER_RETURN_IF_ERROR(CheckIds(spec.token_ids, "prompt.tokens.ids"));
    prompt.tokens = spec.token_ids;
  }
  if (prompt.tokens.empty()) return InvalidField("prompt", "no tokens", "at least one token");
  prompt.layout.prompt_length =
      static_cast<int>(prompt.tokens.size());  // head_length stays 0 without a template
  return prompt;
}

SamplingParams Admission::Sampling(const SamplingSpec& spec) const {
  const GenerationConfig& model = model_.generation;
  const SamplingParams defaults;
  SamplingParams params;
  params.max_tokens = spec.max_tokens.value_or(std::numeric_limits<int>::max());
  params.min_tokens = spec.min_tokens.value_or(defaults.min_tokens);
  params.temperature = spec.temperature.value_or(model.temperature.value_or(defaults.temperature));
  params.top_k = spec.top_k.value_or(model.top_k.value_or(defaults.top_k));
  params.top_p = spec.top_p.value_or(model.top_p.value_or(defaults.top_p));
  params.min_p = spec.min_p.value_or(model.min_p.value_or(defaults.min_p));
  params.repetition_penalty = spec.repetition_penalty.value_or(
      model.repetition_penalty.value_or(defaults.repetition_penalty));
  params.presence_penalty = spec.presence_penalty.value_or(defaults.presence_penalty);
  params.frequency_penalty = spec.frequency_penalty.value_or(defaults.frequency_penalty);
  params.logit_bias = spec.logit_bias;
  params.seed = spec.seed ? *spec.seed : std::random_device{}();
  params.stop = spec.stop;
  params.stop_tokens = spec.stop_tokens;
  params.ignore_eos = spec.ignore_eos;
  params.log_probs = spec.log_probs;
  params.top_log_probs = spec.top_log_probs;
  params.prompt_log_probs = spec.prompt_log_probs;
  return params;
}

absl::StatusOr<PreparedPrompt> Admission::Prompt(const GenerateSpec& spec,
                                                 SamplingParams& sampling) const {
  STEER_RETURN_IF_ERROR(Validate(sampling, model_.vocabulary));
  STEER_ASSIGN_OR_RETURN(PreparedPrompt prompt, Tokens(spec.prompt));
  const int answer = spec.sampling.max_tokens.value_or(1);
  if (spec.truncation != Truncation::kRefuse) {
    if (answer >= model_.positions) {
      return InvalidField("sampling.max_tokens", absl::StrCat(answer),
                          absl::StrCat("1..", model_.positions - 1));
    }
    STEER_RETURN_IF_ERROR(Truncate(spec, model_.positions - answer, prompt));
  }
  const int length = prompt.layout.prompt_length;
  const int room = model_.positions - length;
  if (room < 1) {
    return InvalidField("prompt", absl::StrCat(length, " tokens"),
                        absl::StrCat("1..", model_.positions - 1, " tokens"));
  }
  if (!spec.sampling.max_tokens) {
    sampling.max_tokens =
        std::max(sampling.min_tokens, std::min(SamplingParams().max_tokens, room));
  }
  if (sampling.max_tokens <= room) return prompt;
  return InvalidField(spec.sampling.max_tokens ? "sampling.max_tokens" : "sampling.min_tokens",
                      absl::StrCat(sampling.max_tokens),
                      absl::StrCat("1..", room, " after a prompt of ", length, " tokens"));
}

absl::Status Admission::Truncate(const GenerateSpec& spec, int length,
                                 PreparedPrompt& prompt) const {
  std::vector<TokenId>& tokens = prompt.tokens;
  const int excess = static_cast<int>(tokens.size()) - length;
  if (excess <= 0) return absl::OkStatus();
  if (spec.truncation == Truncation::kDropLast) {
    if (!spec.prompt.messages.empty()) {
      return InvalidField("truncation", "DROP_LAST for a chat",
                          "DROP_FIRST or REFUSE: the template's end must stay");
    }
    tokens.resize(length);
  } else {
    int head = prompt.layout.head_length;
    const std::optional<TokenId> bos = model_.tokenizer->bos();
    if (head == 0 && bos && tokens.front() == *bos) head = 1;
    if (head >= length) {
      return InvalidField("prompt", absl::StrCat(tokens.size(), " tokens with a head of ", head),
                          absl::StrCat("a head of less than ", length, " tokens"));
    }
    tokens.erase(tokens.begin() + head, tokens.begin() + head + excess);
    for (int* const place : {&prompt.layout.user_begin, &prompt.layout.user_end}) {
      if (*place > head) *place = std::max(head, *place - excess);
    }
  }
  prompt.truncated = excess;
  prompt.layout.prompt_length = static_cast<int>(tokens.size());
  return absl::OkStatus();
}

absl::Status Admission::CheckContinued(const GenerateSpec& spec,
                                       const SamplingParams& sampling) const {
  const std::vector<TokenId>& ids = spec.continue_tokens;
  if (ids.empty()) return absl::OkStatus();
  if (spec.n != 1) {
    return InvalidField("continue_tokens", absl::StrCat("an answer to resume and n = ", spec.n),
                        "n = 1");
  }
  if (static_cast<int64_t>(ids.size()) >= sampling.max_tokens) {
    return InvalidField("continue_tokens", absl::StrCat(ids.size(), " tokens"),
                        absl::StrCat("fewer than max_tokens, which is ", sampling.max_tokens));
  }
  return CheckIds(ids, "continue_tokens");
}

absl::StatusOr<Admission::JoinedText> Admission::Join(const std::string& question,
                                                      const std::string& answer,
                                                      const PairFormat& format) const {
  PreparedPrompt prompt;
  JoinedText joined;
  std::vector<TokenId>& tokens = joined.text.tokens;
  std::vector<TokenId> before;  // what the template writes before an answer
  if (format.form != PairForm::kChat) {
    const bool verbatim = format.form == PairForm::kVerbatim;
    const std::string before_answer = verbatim ? question : AsQuestion(format.system, question);
    prompt.tokens = EncodeRaw(before_answer);
    tokens = EncodeRaw(before_answer + answer);
    if (format.end_of_turn)
      tokens.insert(tokens.end(), model_.chat->end_of_turn().begin(),
                    model_.chat->end_of_turn().end());
  } else {
    std::vector<ChatMessage> messages;
    if (!format.system.empty()) messages.push_back({"system", format.system});
    messages.push_back({"user", question});
    STEER_ASSIGN_OR_RETURN(prompt, Chat(messages));
    messages.push_back({"assistant", answer});
    STEER_ASSIGN_OR_RETURN(ChatTemplate::Answered answered,
                           model_.chat->RenderAnswer(messages, format.end_of_turn));
    tokens = answered.tokens.empty() ? prompt.tokens : std::move(answered.tokens);
    before = std::move(answered.before);
  }
  // A template may write more before an answer than it ends a prompt with (an empty thought); that
  // is no part of the answer either.
  const size_t after_prompt = CommonPrefix(prompt.tokens, tokens);
  const size_t after_before = CommonPrefix(before, tokens);
  const int shared = static_cast<int>(std::max(after_prompt, after_before));
  joined.prompt_is_prefix = after_prompt == prompt.tokens.size();
  joined.text.layout = {.prompt_length = shared,
                        .head_length = std::min(prompt.layout.head_length, shared),
                        .user_begin = std::min(prompt.layout.user_begin, shared),
                        .user_end = std::min(prompt.layout.user_end, shared)};
  return joined;
}

absl::StatusOr<std::vector<Admission::JoinedText>> Admission::Spellings(
    const std::string& question, const std::string& answer, const PairFormat& format) const {
  const bool spaced = absl::StartsWith(answer, " ");
  std::vector<std::string> spelt = {answer, spaced ? answer.substr(1) : " " + answer};
  // One space stands between "Answer:" and the answer, whether or not the pair brings it.
  if (format.form == PairForm::kQuestionAnswer && !spaced) std::swap(spelt[0], spelt[1]);
  if (!format.both_spellings || spelt[1].empty()) spelt.pop_back();
  std::vector<JoinedText> joined;
  for (const std::string& text : spelt) {
    STEER_ASSIGN_OR_RETURN(JoinedText one, Join(question, text, format));
    if (joined.empty() || one.text.tokens != joined.front().text.tokens)
      joined.push_back(std::move(one));
  }
  return joined;
}

absl::Status Admission::CheckJoined(const ForcedText& text, const std::string& field,
                                    const char* answer) const {
  const int length = static_cast<int>(text.tokens.size());
  if (text.layout.prompt_length < 1) {
    return InvalidField(field + ".question", "no token that the answer does not change",
                        "a question of at least one token");
  }
  if (text.layout.prompt_length >= length) {
    return InvalidField(absl::StrCat(field, ".", answer), "no tokens of its own",
                        "an answer of at least one token");
  }
  if (length > model_.positions) {
    return InvalidField(absl::StrCat(field, ".", answer),
                        absl::StrCat(length, " tokens with the question"),
                        absl::StrCat("up to ", model_.positions, " tokens"));
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenPair> Admission::Pair(const PolarPair& pair, const PairFormat& format,
                                          const std::string& field) const {
  TokenPair result;
  const auto spell = [&](const std::string& answer, const char* name,
                         std::vector<ForcedText>& texts) -> absl::Status {
    STEER_ASSIGN_OR_RETURN(std::vector<JoinedText> spellings,
                           Spellings(pair.question, answer, format));
    for (JoinedText& spelling : spellings) {
      STEER_RETURN_IF_ERROR(CheckJoined(spelling.text, field, name));
      texts.push_back(std::move(spelling.text));
    }
    // What the caller wrote is what may be flagged.
    result.prompt_is_prefix = result.prompt_is_prefix && spellings.front().prompt_is_prefix;
    return absl::OkStatus();
  };
  STEER_RETURN_IF_ERROR(spell(pair.positive, "positive", result.positive));
  STEER_RETURN_IF_ERROR(spell(pair.negative, "negative", result.negative));
  return result;
}

absl::StatusOr<std::vector<TokenPair>> Admission::Pairs(const std::vector<PolarPair>& pairs,
                                                        const PairFormat& format) const {
  if (format.end_of_turn && model_.chat == nullptr) {
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
