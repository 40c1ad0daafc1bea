// Small tokenizers configured as those of the families: ids and texts equal those of the reference,
// which make_tokenizer_families.py wrote down, a few of them long ago and all of them at build
// time.

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/tokenizer/detokenizer.h"
#include "core/tokenizer/tokenizer.h"
#include "core/tokenizer/utf8.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/tokenizer/tokenizer_file.h"

namespace steer {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<TokenId>;

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

std::vector<Json> ReadLines(const std::string& path) {
  std::vector<Json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  return lines;
}

std::unique_ptr<const Tokenizer> FromFolder(const std::string& path) {
  const auto folder = ModelFolder::Open(path);
  EXPECT_TRUE(folder.ok()) << folder.status();
  auto tokenizer = Tokenizer::FromFolder(**folder);
  EXPECT_TRUE(tokenizer.ok()) << path << ": " << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

void CheckGoldens(const std::string& folder, const Tokenizer& tokenizer, size_t at_least) {
  const std::vector<Json> goldens = ReadLines(folder + "/goldens.jsonl");
  ASSERT_GE(goldens.size(), at_least);
  for (const Json& golden : goldens) {
    const std::string text = golden["text"];
    const Ids ids = golden["ids"];
    const std::string decoded = golden.value("decoded", text);
    ASSERT_EQ(tokenizer.Encode(text, /*parse_special=*/true), ids) << golden;
    ASSERT_EQ(tokenizer.Encode(text, /*parse_special=*/false), golden.value("plain_ids", ids))
        << golden;
    ASSERT_EQ(Detokenize(tokenizer, ids, /*with_special=*/true), decoded) << golden;
    ASSERT_EQ(Streamed(tokenizer, ids), golden.value("decoded_plain", decoded)) << golden;
  }
}

void CheckFamilies(const std::string& root, size_t at_least) {
  size_t families = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    SCOPED_TRACE(entry.path().string());
    const auto tokenizer = FromFolder(entry.path().string());
    ASSERT_NE(tokenizer, nullptr);
    CheckGoldens(entry.path().string(), *tokenizer, at_least);
    ++families;
  }
  EXPECT_GE(families, 23u);
}

TEST(TokenizerFamiliesTest, RecordedIdsAndTexts) {
  CheckFamilies(STEER_TEST_DATA "/tokenizers", 100);
}

TEST(TokenizerFamiliesTest, IdsAndTextsMadeByTheInstalledReference) {
  CheckFamilies(STEER_TOKENIZER_FAMILIES, 2000);
}

// The same tokenizer as a GGUF file holds it.
TokenizerFile AsGguf(const std::string& folder, const std::string& pre) {
  std::ifstream in(folder + "/tokenizer.json");
  const Json json = Json::parse(in);
  std::map<TokenId, std::pair<std::string, TokenKind>> tokens;
  for (const auto& [token, id] : json["model"]["vocab"].items()) {
    tokens[id] = {token, TokenKind::kNormal};
  }
  for (const Json& token : json["added_tokens"]) {
    tokens[token["id"]] = {token["content"],
                           token["special"] ? TokenKind::kControl : TokenKind::kUserDefined};
  }
  TokenizerFile file;
  file.pre = pre;
  file.adds_bos = false;
  for (const auto& [id, token] : tokens) file.Add(token.first, token.second);
  for (const Json& merge : json["model"]["merges"]) {
    file.merges.push_back(merge.is_string() ? merge.get<std::string>()
                                            : std::string(merge[0]) + " " + std::string(merge[1]));
  }
  return file;
}

TEST(TokenizerFamiliesTest, ByteLevelVocabulariesAreTheSameFromGguf) {
  const std::map<std::string, std::string> pre_of = {
      {"llama3", "llama-bpe"}, {"qwen2", "qwen2"},   {"smollm2", "smollm"}, {"smollm3", "dbrx"},
      {"gpt2", "gpt-2"},       {"tekken", "tekken"}, {"gpt4o", "gpt-4o"}};
  for (const auto& [family, pre] : pre_of) {
    SCOPED_TRACE(family);
    const std::string folder = std::string(STEER_TOKENIZER_FAMILIES "/") + family;
    const auto tokenizer = AsGguf(folder, pre).MakeTokenizer();
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    CheckGoldens(folder, **tokenizer, 2000);
    const auto from_folder = FromFolder(folder);
    ASSERT_NE(from_folder, nullptr);
    EXPECT_EQ((*tokenizer)->fingerprint(), from_folder->fingerprint());
  }
}

// make_spm_goldens.py wrote down what SentencePiece says.
TEST(TokenizerFamiliesTest, SentencePieceVocabulariesFromGguf) {
  std::map<std::string, std::unique_ptr<const Tokenizer>> models;
  size_t texts = 0;
  for (const Json& line : ReadLines(STEER_TEST_DATA "/spm.jsonl")) {
    if (line.contains("name")) {
      TokenizerFile file;
      file.model = "llama";
      file.pre = "default";
      file.tokens = line["tokens"].get<std::vector<std::string>>();
      file.kinds = line["kinds"].get<std::vector<int32_t>>();
      file.scores = line["scores"].get<std::vector<float>>();
      file.add_space_prefix = line["add_space_prefix"].get<bool>();
      file.bos = 1;
      auto tokenizer = file.MakeTokenizer();
      ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
      EXPECT_EQ((*tokenizer)->bos(), 1);
      models[line["name"]] = *std::move(tokenizer);
      continue;
    }
    const Tokenizer& tokenizer = *models.at(line["model"]);
    const std::string text = line["text"];
    const Ids ids = line["ids"];
    ASSERT_EQ(tokenizer.Encode(text, /*parse_special=*/false), ids) << line;
    ASSERT_EQ(Streamed(tokenizer, ids), line.value("decoded", text)) << line;
    ++texts;
  }
  EXPECT_GE(texts, 500u);
}

TEST(TokenizerFamiliesTest, BeginningsAndEnds) {
  const std::map<std::string, std::optional<std::string>> beginnings = {
      {"llama3", "<|begin_of_text|>"}, {"tekken", "<s>"},     {"llama2", "<s>"}, {"gemma", "<s>"},
      {"qwen2", std::nullopt},         {"gpt2", std::nullopt}};
  for (const auto& [family, spelling] : beginnings) {
    const auto tokenizer = FromFolder(std::string(STEER_TEST_DATA "/tokenizers/") + family);
    ASSERT_NE(tokenizer, nullptr);
    ASSERT_EQ(tokenizer->bos().has_value(), spelling.has_value()) << family;
    if (spelling) {
      EXPECT_EQ(tokenizer->Bytes(*tokenizer->bos(), true), *spelling);
    }
    const Ids ends = tokenizer->end_tokens();
    EXPECT_NE(std::find(ends.begin(), ends.end(), 2), ends.end()) << "config.json says so";
  }
}

}  // namespace
}  // namespace steer
