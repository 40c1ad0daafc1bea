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

absl::StatusOr<MergeTable> MakeTable(const Vocabulary& vocabulary) {
  std::vector<MergePair> pairs;
  for (const std::string& merge : vocabulary.merges) pairs.push_back(SplitMerge(merge).value());
  const std::vector<bool> none(vocabulary.tokens.size(), false);
  const auto merges = ResolveMerges(vocabulary.Ids(), none, pairs, "merges");
  if (!merges.ok()) return merges.status();
  return MergeTable(*merges);
}

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
    const auto table = MakeTable(vocabulary);
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
  const auto table = MakeTable(vocabulary);
  ASSERT_TRUE(table.ok()) << table.status();
  std::vector<TokenId> word(1'000'003, 0);
  MergeTable::Scratch scratch;
  table->Apply(&word, &scratch);
  std::vector<TokenId> expected(125'000, 3);
  expected.insert(expected.end(), {1, 0});
  EXPECT_EQ(word, expected);
}

TEST(MergeTableTest, BrokenMergesAreNamed) {
  for (const MergePair& merge : {MergePair{"x", "a"}, {"a", "x"}, {"b", "a"}}) {
    const Vocabulary vocabulary{{"a", "b", "ab"}, {}};
    const std::vector<bool> none(vocabulary.tokens.size(), false);
    const absl::Status status =
        ResolveMerges(vocabulary.Ids(), none, {{"a", "b"}, merge}, "merges").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << merge.first;
    EXPECT_THAT(std::string(status.message()), HasSubstr("merges[1]")) << merge.first;
  }
}

TEST(MergeTableTest, AMergeHasTwoPartsOfWhichTheFirstMayBeginWithASpace) {
  for (const char* merge : {"", "a", "ab", "a ", " a"}) EXPECT_EQ(SplitMerge(merge), std::nullopt);
  EXPECT_EQ(SplitMerge("a b"), MergePair("a", "b"));
  EXPECT_EQ(SplitMerge("  a"), MergePair(" ", "a"));
}

TEST(MergeTableTest, NothingMergesIntoOrWithASpecialToken) {
  const Vocabulary vocabulary{{"a", "b", "ab", "abb"}, {}};
  const std::vector<MergePair> pairs = {{"a", "b"}, {"ab", "b"}};
  const auto merges = ResolveMerges(vocabulary.Ids(), {false, false, true, false}, pairs, "merges");
  ASSERT_TRUE(merges.ok()) << merges.status();
  EXPECT_TRUE(merges->empty());
}

// Of equal scores the leftmost place is first; a part that may not merge is no part.
TEST(MergeTableTest, ScoresGiveEveryWayToCutAToken) {
  const Vocabulary vocabulary{{"a", "b", "ab", "ba", "aba", "é", "éa"}, {}};
  const std::vector<bool> all(vocabulary.tokens.size(), true);
  const std::vector<float> scores = {0, 0, -1, -1, -2, 0, -3};
  const MergeTable table(MergesOfScores(vocabulary.Ids(), all, scores));
  MergeTable::Scratch scratch;
  const auto merged = [&](std::vector<TokenId> word) {
    table.Apply(&word, &scratch);
    return word;
  };
  EXPECT_EQ(merged({0, 1, 0}), (std::vector<TokenId>{4}));        // ab a
  EXPECT_EQ(merged({1, 0, 1}), (std::vector<TokenId>{3, 1}));     // ba b, not b ab
  EXPECT_EQ(merged({5, 0, 1, 0}), (std::vector<TokenId>{5, 4}));  // the best score first
  EXPECT_EQ(merged({5, 0}), (std::vector<TokenId>{6}));
  const MergeTable fewer(
      MergesOfScores(vocabulary.Ids(), {true, true, false, true, true, true, true}, scores));
  std::vector<TokenId> word = {0, 1};
  fewer.Apply(&word, &scratch);
  EXPECT_EQ(word, (std::vector<TokenId>{0, 1}));
}

}  // namespace
}  // namespace steer
