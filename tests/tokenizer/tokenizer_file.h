#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/files/gguf.h"
#include "core/tokenizer/byte_level.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/vocabulary.h"
#include "tests/files/gguf_builder.h"

namespace steer {

// A small GGUF file with nothing but a tokenizer in it, every part of which a test may change.
struct TokenizerFile {
  std::optional<std::string> model = "gpt2";
  std::optional<std::string> pre = "smollm";
  std::vector<std::string> tokens;
  std::vector<int32_t> kinds;
  std::vector<std::string> merges;
  std::optional<uint32_t> bos;
  std::optional<uint32_t> eos;
  std::optional<bool> adds_bos;
  std::vector<float> scores;  // instead of merges, in a SentencePiece vocabulary
  std::optional<bool> add_space_prefix;
  std::optional<std::string> architecture;
  std::optional<std::string> chat_template;

  TokenId Add(const std::string& spelling, TokenKind kind = TokenKind::kNormal) {
    tokens.push_back(spelling);
    kinds.push_back(static_cast<int32_t>(kind));
    return static_cast<TokenId>(tokens.size()) - 1;
  }
  TokenId AddMerge(const std::string& left, const std::string& right) {
    merges.push_back(left + " " + right);
    return Add(left + right);
  }

  std::shared_ptr<const GgufFile> Make() {
    GgufBuilder keys(0, 0);
    uint64_t count = 0;
    const auto key = [&](const char* name, uint32_t type) -> GgufBuilder& {
      ++count;
      return keys.Key(std::string("tokenizer.") + name, type);
    };
    const auto strings = [&](const char* name, const std::vector<std::string>& values) {
      key(name, kArray).Number(kString).Number(uint64_t{values.size()});
      for (const std::string& value : values) keys.Text(value);
    };
    if (model) key("ggml.model", kString).Text(*model);
    if (pre) key("ggml.pre", kString).Text(*pre);
    strings("ggml.tokens", tokens);
    if (scores.empty()) strings("ggml.merges", merges);
    if (!scores.empty()) {
      key("ggml.scores", kArray).Number(kFloat32).Number(uint64_t{scores.size()});
      for (const float score : scores) keys.Number(score);
    }
    if (add_space_prefix) {
      key("ggml.add_space_prefix", kBool).Number(static_cast<uint8_t>(*add_space_prefix));
    }
    if (architecture) {
      ++count;
      keys.Key("general.architecture", kString).Text(*architecture);
    }
    if (!kinds.empty()) {
      key("ggml.token_type", kArray).Number(kInt32).Number(uint64_t{kinds.size()});
      for (const int32_t kind : kinds) keys.Number(kind);
    }
    if (bos) key("ggml.bos_token_id", kUint32).Number(*bos);
    if (eos) key("ggml.eos_token_id", kUint32).Number(*eos);
    if (adds_bos) key("ggml.add_bos_token", kBool).Number(static_cast<uint8_t>(*adds_bos));
    if (chat_template) key("chat_template", kString).Text(*chat_template);

    GgufBuilder file(0, count);
    const size_t header = file.bytes().size();
    const auto all = keys.bytes().subspan(header);
    file.Raw(absl::string_view(reinterpret_cast<const char*>(all.data()), all.size())).Data(0);
    bytes_.assign(file.bytes().begin(), file.bytes().end());
    absl::StatusOr<std::shared_ptr<const GgufFile>> parsed = GgufFile::Parse(bytes_);
    STEER_CHECK(parsed.ok());
    return *std::move(parsed);
  }

  absl::StatusOr<std::unique_ptr<const Tokenizer>> MakeTokenizer() {
    return Tokenizer::FromGguf(*Make());
  }

 private:
  static constexpr uint32_t kUint32 = 4;
  static constexpr uint32_t kInt32 = 5;
  static constexpr uint32_t kFloat32 = 6;
  static constexpr uint32_t kBool = 7;
  static constexpr uint32_t kString = 8;
  static constexpr uint32_t kArray = 9;

  std::vector<std::byte> bytes_;
};

// Token i is byte i, for all 256 of them. Then come "<|endoftext|>" (256), "<|im_start|>" (257),
// "<|im_end|>" (258), all control tokens, and "he", "ll", "hell", "hello" and " hello", in order of
// rank.
inline TokenizerFile SmallTokenizerFile() {
  TokenizerFile file;
  for (int byte = 0; byte < 256; ++byte) file.Add(ByteLevelSpelling(static_cast<uint8_t>(byte)));
  file.Add("<|endoftext|>", TokenKind::kControl);
  file.Add("<|im_start|>", TokenKind::kControl);
  file.Add("<|im_end|>", TokenKind::kControl);
  file.AddMerge("h", "e");
  file.AddMerge("l", "l");
  file.AddMerge("he", "ll");
  file.AddMerge("hell", "o");
  file.AddMerge(ByteLevelSpelling(' '), "hello");
  file.eos = 258;
  return file;
}

}  // namespace steer
