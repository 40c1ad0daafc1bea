#include "core/tokenizer/tokenizer.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/bpe.h"
#include "core/tokenizer/vocabulary.h"

namespace steer {

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::FromGguf(const GgufFile& file) {
  constexpr char kModel[] = "tokenizer.ggml.model";
  const absl::StatusOr<std::string> model = file.String(kModel);
  if (!model.ok()) return absl::InvalidArgumentError(model.status().message());
  if (*model != "gpt2") {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNKNOWN_TOKENIZER", kModel, absl::StrCat("'", *model, "'"), "gpt2"});
  }
  STEER_ASSIGN_OR_RETURN(const Vocabulary vocabulary, ReadVocabulary(file));
  return BpeTokenizer::Create(vocabulary);
}

}  // namespace steer
