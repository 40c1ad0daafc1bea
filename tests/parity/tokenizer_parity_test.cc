// Ids, pieces and texts equal those of the reference; make_tokenizer_goldens.py wrote them down.

#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/files/gguf.h"
#include "core/tokenizer/chat_template.h"
#include "core/tokenizer/detokenizer.h"
#include "core/tokenizer/known_pre_tokenizers.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/utf8.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/tokenizer/code_point.h"

namespace steer {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<TokenId>;

constexpr const char* kPreTokenizers[] = {"smollm", "gpt-2", "llama-bpe", "qwen2"};

std::vector<size_t> PieceLengths(const PreTokenizer& pre_tokenizer, absl::string_view text) {
  std::vector<size_t> lengths;
  pre_tokenizer.Run(text, /*at_start=*/true,
                    [&](absl::string_view piece) { lengths.push_back(piece.size()); });
  return lengths;
}

std::string Streamed(const Tokenizer& tokenizer, const Ids& ids) {
  Detokenizer detokenizer(&tokenizer);
  std::string text;
  for (const TokenId id : ids) {
    const std::string part = detokenizer.Append(id);
    EXPECT_FALSE(FirstInvalidUtf8(part));
    text += part;
  }
  return text + detokenizer.Flush();
}

class TokenizerParityTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* const path = std::getenv("STEER_TEST_MODEL");  // NOLINT(concurrency-mt-unsafe)
    ASSERT_NE(path, nullptr) << "set STEER_TEST_MODEL to SmolLM2-135M-Instruct.Q4_1.gguf";
    auto file = GgufFile::Open(path);
    ASSERT_TRUE(file.ok()) << "STEER_TEST_MODEL: " << file.status();
    auto tokenizer = Tokenizer::FromGguf(**file);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    tokenizer_ = *std::move(tokenizer);
    auto chat = ChatTemplate::FromGguf(**file, tokenizer_.get());
    ASSERT_TRUE(chat.ok()) << chat.status();
    chat_ = *std::move(chat);
    for (const char* name : kPreTokenizers) {
      const auto known = FindPreTokenizer(name);
      ASSERT_TRUE(known.ok()) << known.status();
      pre_tokenizers_.emplace(name, StagesOf(*known));
    }
    std::ifstream goldens(STEER_TEST_DATA "/tokenizer.jsonl");
    for (std::string line; std::getline(goldens, line);) {
      Json golden = Json::parse(line);
      goldens_[golden["kind"]].push_back(std::move(golden));
    }
  }

  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<const ChatTemplate> chat_;
  std::map<std::string, PreTokenizer> pre_tokenizers_;
  std::map<std::string, std::vector<Json>> goldens_;
};

TEST_F(TokenizerParityTest, IdsAndDecodedTexts) {
  ASSERT_GE(goldens_["text"].size(), 2000u);
  for (const Json& golden : goldens_["text"]) {
    const std::string text = golden["text"];
    const Ids ids = golden["ids"];
    const std::string decoded = golden.value("decoded", text);
    ASSERT_EQ(tokenizer_->Encode(text, /*parse_special=*/true), ids) << golden;
    ASSERT_EQ(tokenizer_->Encode(text, /*parse_special=*/false), golden.value("plain_ids", ids))
        << golden;
    ASSERT_EQ(Detokenize(*tokenizer_, ids, /*with_special=*/true), decoded) << golden;
    ASSERT_EQ(Streamed(*tokenizer_, ids), golden.value("decoded_plain", decoded)) << golden;
  }
}

TEST_F(TokenizerParityTest, Pieces) {
  ASSERT_GE(goldens_["text"].size(), 2000u);
  for (const Json& golden : goldens_["text"]) {
    const std::string text = golden["text"];
    for (const auto& [name, pre_tokenizer] : pre_tokenizers_) {
      const std::vector<size_t> pieces = golden.contains(name) ? golden[name] : golden["smollm"];
      ASSERT_EQ(PieceLengths(pre_tokenizer, text), pieces) << name << " " << golden;
    }
  }
}

// Whether a code point continues a word, white space or punctuation: all of them, and a sample of
// planes 4 to 13, to which Unicode has assigned nothing.
TEST_F(TokenizerParityTest, ClassesOfCodePoints) {
  size_t checked = 0;
  for (const Json& golden : goldens_["classes"]) {
    std::vector<std::string> classes(0x110000, "other");
    for (const auto& [name, ranges] : golden["ranges"].items()) {
      for (const auto& range : ranges) {
        for (size_t code = range[0]; code <= range[1].get<size_t>(); ++code) classes[code] = name;
      }
    }
    for (const std::string name : golden["pre"]) {
      const PreTokenizer& pre_tokenizer = pre_tokenizers_.at(name);
      const auto continues = [&](const char* prefix, uint32_t code) {
        return PieceLengths(pre_tokenizer, prefix + Utf8Of(code)).size() == 1;
      };
      for (uint32_t code = 0; code < classes.size();
           code += code >= 0x40000 && code < 0xE0000 ? 61 : 1) {
        if (code >= 0xD800 && code <= 0xDFFF) continue;
        const char* const got = continues("a", code)    ? "letter"
                                : continues("\t", code) ? "space"
                                : continues("!", code)  ? "other"
                                                        : "number";
        ASSERT_EQ(got, classes[code]) << name << " " << std::hex << code;
      }
      ++checked;
    }
  }
  EXPECT_EQ(checked, pre_tokenizers_.size());
}

TEST_F(TokenizerParityTest, TornAndSpecialTokens) {
  ASSERT_GE(goldens_["tokens"].size(), 300u);
  for (const Json& golden : goldens_["tokens"]) {
    const Ids ids = golden["ids"];
    const std::string decoded = golden["decoded"];
    const std::string decoded_plain = golden["decoded_plain"];
    ASSERT_EQ(Detokenize(*tokenizer_, ids, /*with_special=*/true), decoded) << golden;
    ASSERT_EQ(Detokenize(*tokenizer_, ids, /*with_special=*/false), decoded_plain) << golden;
    ASSERT_EQ(Streamed(*tokenizer_, ids), decoded_plain) << golden;
  }
}

TEST_F(TokenizerParityTest, Chats) {
  ASSERT_GE(goldens_["chat"].size(), 60u);
  for (const Json& golden : goldens_["chat"]) {
    std::vector<ChatMessage> messages;
    for (const Json& message : golden["messages"]) messages.push_back({message[0], message[1]});
    const auto rendered = chat_->Render(messages);
    ASSERT_TRUE(rendered.ok()) << rendered.status();
    ASSERT_EQ(rendered->tokens, golden["ids"].get<Ids>()) << golden;
    ASSERT_EQ(rendered->head_length, golden["head_length"].get<int>()) << golden;
  }
  EXPECT_EQ(chat_->default_system(),
            "You are a helpful AI assistant named SmolLM, trained by Hugging Face");
}

TEST_F(TokenizerParityTest, EndsAndBeginnings) {
  EXPECT_EQ(tokenizer_->bos(), std::nullopt);
  EXPECT_EQ(tokenizer_->end_tokens(), (Ids{0, 2}));
  EXPECT_EQ(chat_->end_of_turn(), (Ids{2, 198}));
  EXPECT_EQ(tokenizer_->vocabulary_size(), 49152);
}

}  // namespace
}  // namespace steer
