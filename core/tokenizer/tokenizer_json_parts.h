#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {

// The parts of a tokenizer.json around its model, each into its place in the vocabulary; a part
// may be null for "none". UNIMPLEMENTED names a kind of part, or an option of one, that is not
// known; INVALID_ARGUMENT one that is broken.
absl::Status ReadNormalizer(const nlohmann::json* part, Vocabulary* vocabulary);
// Sets `symbols.byte_level` as well.
absl::Status ReadPreTokenizer(const nlohmann::json* part, Vocabulary* vocabulary);
// After the one above.
absl::Status ReadDecoder(const nlohmann::json* part, Vocabulary* vocabulary);
// What texts begin with, by id.
absl::Status ReadPostProcessor(const nlohmann::json* part, Vocabulary* vocabulary);

}  // namespace steer
