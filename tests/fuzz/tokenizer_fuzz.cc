#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/base/check.h"
#include "core/tokenizer/bpe.h"
#include "core/tokenizer/detokenizer.h"
#include "core/tokenizer/utf8.h"
#include "core/tokenizer/vocabulary.h"

namespace {

constexpr absl::string_view kTexts[] = {"", " ab  ba\n\nabab 123 4", "<s>a</s> <pad>b",
                                        "\u00EF\u0301 \U0001F600\t\u6771\u2581a",
                                        "Don't ab_a!?  \r\n"};

}  // namespace

// Whatever tokenizer.json says: it is refused with words, or its tokenizer gives ids of its
// vocabulary for any text, and valid text for its ids.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  // Whoever reads the file checks that first.
  if (steer::FirstInvalidUtf8(source)) return 0;
  auto vocabulary = steer::ParseTokenizerJson(source);
  if (!vocabulary.ok()) {
    STEER_CHECK(!vocabulary.status().message().empty());
    return 0;
  }
  const auto tokenizer = steer::BpeTokenizer::Create(*std::move(vocabulary));
  if (!tokenizer.ok()) {
    STEER_CHECK(!tokenizer.status().message().empty());
    return 0;
  }
  for (const absl::string_view text : kTexts) {
    for (const bool parse_special : {false, true}) {
      const std::vector<steer::TokenId> tokens = (*tokenizer)->Encode(text, parse_special);
      for (const steer::TokenId token : tokens) {
        STEER_CHECK(token >= 0 && token < (*tokenizer)->vocabulary_size());
      }
      STEER_CHECK(!steer::FirstInvalidUtf8(steer::Detokenize(**tokenizer, tokens, parse_special)));
    }
  }
  return 0;
}
