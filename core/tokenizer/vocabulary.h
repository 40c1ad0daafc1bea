#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/types.h"
#include "core/files/gguf.h"

namespace steer {

// What a token is for, numbered as in GGUF.
enum class TokenKind : int8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,  // spelled in full and never merged, but text
  kUnused = 5,
  kByte = 6,
};

// The tables of a byte-level BPE as a file gives them.
struct Vocabulary {
  std::vector<std::string> tokens;     // spellings by id; all different
  std::vector<TokenKind> kinds;        // by id
  std::vector<std::string> merges;     // "left right", most frequent first
  std::string pre_tokenizer;           // tokenizer.ggml.pre; empty if the file has none
  std::optional<TokenId> bos;          // whether or not it is added
  std::optional<bool> adds_bos;        // nullopt: the file does not say
  std::vector<TokenId> end_of_output;  // ids that the file names as end of text or turn
};

// INVALID_ARGUMENT: a missing table, tables of different lengths, a spelling that occurs twice, an
// id or a kind out of range.
absl::StatusOr<Vocabulary> ReadVocabulary(const GgufFile& file);

}  // namespace steer
