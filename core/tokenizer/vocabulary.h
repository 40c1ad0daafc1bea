#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/types.h"
#include "core/files/gguf.h"
#include "core/files/model_folder.h"
#include "core/tokenizer/merge_table.h"
#include "core/tokenizer/normalizer.h"
#include "core/tokenizer/pre_tokenizer.h"
#include "core/tokenizer/special_tokens.h"

namespace steer {

// What a token is for, numbered as in GGUF.
enum class TokenKind : int8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,  // spelled in full and looked for before merging, but text
  kUnused = 5,
  kByte = 6,
};

// What stands for a space in vocabularies that are not byte-level.
inline constexpr absl::string_view kVisibleSpace = "\xE2\x96\x81";

// What the merging of a piece begins with.
struct SymbolRules {
  bool byte_level = false;  // one token per byte, in the byte-level alphabet; else per character
  // A character without a token becomes one token "<0xXX>" per byte, if there are those.
  bool byte_fallback = false;
  std::optional<TokenId> unknown;   // stands for what is left; without it, that is dropped
  bool fuses_unknown = false;       // one for several in a row
  bool whole_pieces_first = false;  // a piece that is a token is taken as such without merging
};

// How tokens become text.
struct DecodeRules {
  // What the text loses at its start, where encoding put a space.
  enum class Opening : uint8_t {
    kNothing,
    kOneSpace,
    kSpacesOfFirstToken,
  };
  bool visible_spaces = false;  // kVisibleSpace is written for a space
  bool byte_tokens = false;     // "<0xXX>" is a byte
  Opening opening = Opening::kNothing;
};

// What a file says about its tokenizer, wherever it comes from.
struct Vocabulary {
  std::string origin;               // the file's name for its tables, for messages
  std::vector<std::string> tokens;  // spellings by id; all different but for unused ones
  std::vector<TokenKind> kinds;     // by id
  std::vector<MergePair> merges;    // most frequent first; empty if there are scores
  std::vector<float> scores;        // by id
  std::vector<AddedToken> added;    // each of `tokens`
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::string pipeline;  // names both of them, for the fingerprint
  SymbolRules symbols;
  DecodeRules decoding;
  std::optional<TokenId> bos;          // that texts begin with
  std::vector<TokenId> end_of_output;  // ids that the file names as end of text or turn
};

// INVALID_ARGUMENT: a missing table, tables of different lengths, a spelling that occurs twice, an
// id or a kind out of range, a BOS that is to be added but missing. UNIMPLEMENTED: a tokenizer
// model or pre-tokenizer that is not known.
absl::StatusOr<Vocabulary> ReadVocabulary(const GgufFile& file);
// The same from a folder: tokenizer.json, and what tokenizer_config.json, generation_config.json
// and config.json say about beginnings and ends.
absl::StatusOr<Vocabulary> ReadVocabulary(const ModelFolder& folder);
// As above, of the text of tokenizer.json alone.
absl::StatusOr<Vocabulary> ParseTokenizerJson(const std::string& text);

bool IsSpecialKind(TokenKind kind);

// SHA-256 of all that decides which ids a text has.
std::string FingerprintOf(const Vocabulary& vocabulary);
// What the file names as end, and the ends that go by a known name.
std::vector<TokenId> EndTokensOf(const Vocabulary& vocabulary);
// The text of one token.
std::string DecodedBytes(const Vocabulary& vocabulary, size_t id);

// Whether a user-defined token of this spelling marks turns: then it is the template's, although
// the file does not call it special.
bool IsTurnMarkup(absl::string_view spelling);

}  // namespace steer
