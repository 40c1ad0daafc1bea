#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "core/base/types.h"
#include "core/signal/control_set.h"

namespace steer {

// What a full KV block holds, as a SHA-256: all tokens up to its end, whose they are, how they are
// stored, and for each token the signals that acted on it, in order, with their multipliers. What
// acted, not what was asked for: "generated tokens only" steers different positions of two prompts
// that share a block. Tokens on which nothing acted add nothing.
struct BlockKey {
  std::array<uint64_t, 4> words = {};
  bool operator==(const BlockKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const BlockKey& key) {
    return H::combine(std::move(h), key.words[0]);
  }
};

// The parent of a sequence's first block. `format` says how keys and values are stored.
BlockKey RootKey(absl::string_view tenant, absl::string_view format);

// The key of the block that holds the positions [begin, begin + tokens.size()) and follows
// `parent`.
BlockKey NextKey(const BlockKey& parent, std::span<const TokenId> tokens, int begin,
                 const ControlSet& controls, const PromptLayout& layout);

}  // namespace steer
