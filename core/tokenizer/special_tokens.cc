#include "core/tokenizer/special_tokens.h"

namespace steer {
namespace {

uint64_t Edge(uint32_t node, char byte) {
  return static_cast<uint64_t>(node) << 8U | static_cast<uint8_t>(byte);
}

}  // namespace

SpecialTokens::SpecialTokens() : token_at_{kNone} {}

void SpecialTokens::Add(absl::string_view spelling, TokenId token) {
  first_bytes_.set(static_cast<uint8_t>(spelling[0]));
  uint32_t node = 0;
  for (const char byte : spelling) {
    const auto [edge, is_new] =
        children_.try_emplace(Edge(node, byte), static_cast<uint32_t>(token_at_.size()));
    if (is_new) token_at_.push_back(kNone);
    node = edge->second;
  }
  token_at_[node] = token;
}

std::optional<SpecialTokens::Match> SpecialTokens::Find(
    absl::string_view text, size_t from, const std::vector<ByteSpan>& foreign) const {
  auto next = foreign.begin();  // the first foreign span that ends behind `begin`
  for (size_t begin = from; begin < text.size(); ++begin) {
    while (next != foreign.end() && next->end <= begin) ++next;
    const size_t limit = next == foreign.end() ? text.size() : next->begin;
    if (begin >= limit || !first_bytes_.test(static_cast<uint8_t>(text[begin]))) continue;
    std::optional<Match> longest;
    uint32_t node = 0;
    for (size_t end = begin; end < limit; ++end) {
      const auto edge = children_.find(Edge(node, text[end]));
      if (edge == children_.end()) break;
      node = edge->second;
      if (token_at_[node] != kNone) longest = Match{begin, end + 1 - begin, token_at_[node]};
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

}  // namespace steer
