#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/pre_tokenizer.h"

namespace steer {

// What a GGUF file means by the one word tokenizer.ggml.pre.
struct KnownPreTokenizer {
  absl::string_view name;
  absl::string_view pattern;  // the reference's; empty for "smollm", which has two stages
  // A piece that is a token as a whole is taken as such even if no row of merges leads to it.
  bool whole_pieces_first;
  bool adds_bos;  // where the file does not say
  bool composes;  // text is brought to NFC first
};

// UNIMPLEMENTED lists the known ones.
absl::StatusOr<KnownPreTokenizer> FindPreTokenizer(absl::string_view name);
// The name under which GGUF files hold a tokenizer that cuts so; nullopt if there is none.
std::optional<absl::string_view> NameOfPreTokenizer(absl::string_view pattern,
                                                    bool whole_pieces_first, bool composes);
PreTokenizer StagesOf(const KnownPreTokenizer& known);

}  // namespace steer
