#include "core/tokenizer/tokenizer.h"

#include <utility>

#include "core/base/status_macros.h"
#include "core/tokenizer/bpe.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::FromGguf(const GgufFile& file) {
  STEER_ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabulary(file));
  return BpeTokenizer::Create(std::move(vocabulary));
}

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::FromFolder(const ModelFolder& folder) {
  STEER_ASSIGN_OR_RETURN(Vocabulary vocabulary, ReadVocabulary(folder));
  return BpeTokenizer::Create(std::move(vocabulary));
}

}  // namespace steer
