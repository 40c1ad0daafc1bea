#include "core/tokenizer/special_tokens.h"

#include <utility>

#include "core/base/check.h"
#include "core/tokenizer/utf8.h"

namespace steer {
namespace {

uint64_t Edge(uint32_t node, char byte) {
  return static_cast<uint64_t>(node) << 8U | static_cast<uint8_t>(byte);
}

}  // namespace

SpecialTokens::SpecialTokens() : token_at_{kNone} {}

void SpecialTokens::Add(const AddedToken& token) {
  first_bytes_.set(static_cast<uint8_t>(token.spelling[0]));
  uint32_t node = 0;
  for (const char byte : token.spelling) {
    const auto [edge, is_new] =
        children_.try_emplace(Edge(node, byte), static_cast<uint32_t>(token_at_.size()));
    if (is_new) token_at_.push_back(kNone);
    node = edge->second;
  }
  token_at_[node] = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
  if (token.single_word && !word_) {
    absl::StatusOr<Regex> word =
        Regex::FromPcre2(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])");
    STEER_CHECK(word.ok());
    word_ = *std::move(word);
  }
}

bool SpecialTokens::StandsAlone(absl::string_view text, ByteSpan span) const {
  const auto is_word = [&](absl::string_view character) {
    bool found = false;
    word_->ForEach(character, [&](ByteSpan) { found = true; });
    return found;
  };
  if (span.begin > 0) {
    size_t begin = span.begin - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0U) == 0x80) --begin;
    if (is_word(text.substr(begin, span.begin - begin))) return false;
  }
  if (span.end == text.size()) return true;
  return !is_word(text.substr(span.end, NextUtf8(text.substr(span.end)).length));
}

std::optional<SpecialTokens::Match> SpecialTokens::At(absl::string_view text, size_t begin,
                                                      size_t limit) const {
  const AddedToken* longest = nullptr;
  uint32_t node = 0;
  for (size_t end = begin; end < text.size(); ++end) {
    const auto edge = children_.find(Edge(node, text[end]));
    if (edge == children_.end()) break;
    node = edge->second;
    if (token_at_[node] == kNone) continue;
    const AddedToken& token = tokens_[token_at_[node]];
    if (token.is_text || end < limit) longest = &token;
  }
  if (longest == nullptr) return std::nullopt;
  const size_t end = begin + longest->spelling.size();
  return Match{{longest->strips_left ? BackOverWhiteSpace(text, begin) : begin,
                longest->strips_right ? SkipWhiteSpace(text, end) : end},
               end,
               longest->single_word && !StandsAlone(text, {begin, end}) ? kNone : longest->token};
}

std::optional<SpecialTokens::Match> SpecialTokens::Find(
    absl::string_view text, size_t from, const std::vector<ByteSpan>& foreign) const {
  auto next = foreign.begin();  // the first foreign span that ends behind `begin`
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!first_bytes_.test(static_cast<uint8_t>(text[begin]))) continue;
    while (next != foreign.end() && next->end <= begin) ++next;
    const size_t limit = next == foreign.end() ? text.size() : next->begin;
    const std::optional<Match> match = At(text, begin, limit);
    if (!match) continue;
    if (match->token != kNone) return match;
    // The place of one that does not stand alone is passed over, as in the reference.
    begin = match->resume - 1;
  }
  return std::nullopt;
}

}  // namespace steer
