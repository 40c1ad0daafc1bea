#include "core/tokenizer/merge_table.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::HasSubstr;

struct Vocabulary {
  absl::flat_hash_map<absl::string_view, TokenId> Ids() const {
    absl::flat_hash_map<absl::string_view, TokenId> ids;
    for (size_t i = 0; i < tokens.size(); ++i) ids.emplace(tokens[i], i);
    return ids;
  }
  std::vector<std::string> tokens;
  std::vector<std::string> merges;
};

// Merges that overlap in every way: random pairs of what there is, over three letters.
Vocabulary RandomVocabulary(std::mt19937* random) {
  Vocabulary vocabulary{{"a", "b", "c"}, {}};
  while (vocabulary.merges.size() < 12) {
    const std::string left = vocabulary.tokens[(*random)() % vocabulary.tokens.size()];
    const std::string right = vocabulary.tokens[(*random)() % vocabulary.tokens.size()];
    if (left.size() + right.size() > 6 || vocabulary.Ids().contains(left + right)) continue;
    vocabulary.merges.push_back(absl::StrCat(left, " ", right));
    vocabulary.tokens.push_back(left + right);
  }
  return vocabulary;
}

// The definition: apply the merge of lowest rank at its leftmost place, until there is none.
std::vector<std::string> MergeByDefinition(const Vocabulary& vocabulary,
                                           std::vector<std::string> word) {
  for (bool merged = true; merged;) {
    merged = false;
    for (const std::string& merge : vocabulary.merges) {
      for (size_t i = 0; i + 1 < word.size() && !merged; ++i) {
        if (merge != absl::StrCat(word[i], " ", word[i + 1])) continue;
        word[i] += word[i + 1];
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        merged = true;
      }
      if (merged) break;
    }
  }
  return word;
}

TEST(MergeTableTest, EqualsTheDefinitionOnRandomMergesAndWords) {
  std::mt19937 random(11);  // NOLINT(bugprone-random-generator-seed): the same on every run
  MergeTable::Scratch scratch;
  for (int round = 0; round < 40; ++round) {
    const Vocabulary vocabulary = RandomVocabulary(&random);
    const auto table = MergeTable::Create(vocabulary.Ids(), vocabulary.merges);
    ASSERT_TRUE(table.ok()) << table.status();
    for (int i = 0; i < 50; ++i) {
      std::vector<TokenId> word;
      std::vector<std::string> spelled;
      for (size_t letters = random() % 30; letters > 0; --letters) {
        word.push_back(static_cast<TokenId>(random() % 3));
        spelled.push_back(vocabulary.tokens[word.back()]);
      }
      table->Apply(&word, &scratch);
      std::vector<std::string> merged;
      merged.reserve(word.size());
      for (const TokenId id : word) merged.push_back(vocabulary.tokens[id]);
      ASSERT_EQ(merged, MergeByDefinition(vocabulary, spelled));
    }
  }
}

// Quadratic work would be 10^12 steps here and run into the test's time limit.
TEST(MergeTableTest, AMillionEqualLettersMerge) {
  const Vocabulary vocabulary{{"a", "aa", "aaaa", "aaaaaaaa"}, {"a a", "aa aa", "aaaa aaaa"}};
  const auto table = MergeTable::Create(vocabulary.Ids(), vocabulary.merges);
  ASSERT_TRUE(table.ok()) << table.status();
  std::vector<TokenId> word(1'000'003, 0);
  MergeTable::Scratch scratch;
  table->Apply(&word, &scratch);
  std::vector<TokenId> expected(125'000, 3);
  expected.insert(expected.end(), {1, 0});
  EXPECT_EQ(word, expected);
}

TEST(MergeTableTest, BrokenMergesAreNamed) {
  const Vocabulary vocabulary{{"a", "b", "ab", "b ", " ", " a"}, {}};
  const auto create = [&](const std::vector<std::string>& merges) {
    return MergeTable::Create(vocabulary.Ids(), merges).status();
  };
  for (const char* merge : {"", "a", "ab", "a ", " a", "x a", "a x", "b a"}) {
    const absl::Status status = create({"a b", merge});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << merge;
    EXPECT_THAT(std::string(status.message()), HasSubstr("tokenizer.ggml.merges[1]")) << merge;
  }
  // The first character may be a space that belongs to the token.
  EXPECT_TRUE(create({"  a"}).ok());
}

}  // namespace
}  // namespace steer
