// What a sequence carries from one life to the next: the text of an answer that is resumed, and the
// keys by which its blocks are found again.

#include <random>
#include <string>
#include <vector>

#include "core/schedule/sequence.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/schedule/texts.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

using ::testing::ElementsAre;

constexpr int kContext = 1 << 20;
constexpr int kBlock = 4;

struct Told {
  std::vector<std::string> texts;  // with each token
  std::string tail;
  std::optional<FinishReason> reason;
  std::string after(size_t split) const {
    std::string text;
    for (size_t i = split; i < texts.size(); ++i) text += texts[i];
    return text + tail;
  }
};

// The answer's first `known` tokens are resumed, the rest is generated.
Told Resume(const Tokenizer& tokenizer, const std::vector<TokenId>& answer,
            const SamplingParams& sampling, size_t known) {
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 2, sampling.max_tokens, sink);
  request->sampling = sampling;
  request->end_tokens = {ByteTokenizer::kEnd};
  request->tokens.insert(request->tokens.end(), answer.begin(), answer.begin() + known);
  EXPECT_EQ(request->resumed(), static_cast<int>(known));
  Sequence sequence(std::move(request), &tokenizer, BlockKey());
  EXPECT_TRUE(sink->tokens().empty()) << "what is resumed was told already";
  EXPECT_EQ(sequence.generated, static_cast<int>(known));
  Told told;
  told.reason = sequence.ended;
  for (size_t i = known; i < answer.size() && !told.reason; ++i) {
    told.reason = sequence.Accept(answer[i], -1, {}, kContext);
  }
  for (const TokenEvent& event : sink->tokens()) told.texts.push_back(event.text);
  told.tail = sequence.held_text + sequence.detokenizer.Flush();
  return told;
}

// Returns how the answer ended.
std::optional<FinishReason> ExpectSameTextFromEverySplit(const std::vector<std::string>& pieces,
                                                         const std::vector<TokenId>& answer,
                                                         const SamplingParams& sampling) {
  const ByteTokenizer tokenizer(pieces);
  const Told whole = Resume(tokenizer, answer, sampling, 0);
  for (size_t split = 0; split <= whole.texts.size(); ++split) {
    if (static_cast<int>(split) >= sampling.max_tokens) continue;  // nothing is left to be resumed
    const Told rest = Resume(tokenizer, answer, sampling, split);
    EXPECT_EQ(rest.after(0), whole.after(split)) << whole.after(0) << " resumed after " << split;
    EXPECT_EQ(rest.reason, whole.reason) << whole.after(0) << " resumed after " << split;
  }
  return whole.reason;
}

TEST(SequenceResumeTest, RandomAnswersGoOnAsIfNothingHadHappened) {
  const std::vector<std::string> letters = {"a", "b", "é", "€", "😀"};
  const std::vector<std::string> bytes = {"a", "b", "\xC3", "\xA9", "\xE2\x82", "\xFF", "€"};
  std::mt19937 random(11);
  std::map<std::optional<FinishReason>, int> reasons;
  for (int round = 0; round < 1500; ++round) {
    const auto& alphabet = round % 2 == 0 ? letters : bytes;
    const auto pieces = RandomSplit(random, RandomText(random, 2 + round % 15, alphabet));
    SamplingParams sampling;
    sampling.stop = RandomStops(random, letters);
    if (round % 3 == 0) sampling.stop.emplace_back("\uFFFD");
    sampling.max_tokens = static_cast<int>(pieces.size() + random() % 2);
    sampling.min_tokens = round % 4 == 0 ? static_cast<int>(random() % pieces.size()) : 0;
    std::vector<TokenId> answer = PieceTokens(pieces);
    if (round % 5 == 0) answer[random() % answer.size()] = ByteTokenizer::kEnd;
    if (round % 7 == 0) sampling.stop_tokens = {answer[random() % answer.size()]};
    ++reasons[ExpectSameTextFromEverySplit(pieces, answer, sampling)];
  }
  EXPECT_GT(reasons[FinishReason::kStop], 100);
  EXPECT_GT(reasons[FinishReason::kEndOfText], 100);
  EXPECT_GT(reasons[FinishReason::kLength], 100);
  EXPECT_GT(reasons[std::nullopt], 100);
}

TEST(SequenceResumeTest, AStopStringAndACharacterMayLieAcrossTheSplit) {
  const std::vector<std::string> pieces = {"ab\xE2", "\x82", "\xAC.", "S", "TO", "P!"};
  SamplingParams sampling;
  sampling.max_tokens = 6;
  sampling.stop = {"STOP"};
  EXPECT_EQ(ExpectSameTextFromEverySplit(pieces, PieceTokens(pieces), sampling),
            FinishReason::kStop);
  const ByteTokenizer tokenizer(pieces);
  EXPECT_EQ(Resume(tokenizer, PieceTokens(pieces), sampling, 1).after(0), "€.");
  EXPECT_EQ(Resume(tokenizer, PieceTokens(pieces), sampling, 4).after(0), "");
}

TEST(SequenceResumeTest, AnAnswerThatHadEndedTellsWhatWasHeldBackAndNoStopString) {
  const ByteTokenizer tokenizer({"a.STOP!", "\xE2\x82"});
  constexpr TokenId kEnd = ByteTokenizer::kEnd;
  SamplingParams sampling;
  sampling.stop = {"STOP"};
  const Told stopped = Resume(tokenizer, {257}, sampling, 1);
  EXPECT_EQ(stopped.reason, FinishReason::kStop);
  EXPECT_EQ(stopped.after(0), "");
  const Told held = Resume(tokenizer, {'S', 'T', kEnd}, sampling, 3);
  EXPECT_EQ(held.reason, FinishReason::kEndOfText);
  EXPECT_EQ(held.after(0), "ST");
  sampling.stop = {"\uFFFD"};  // complete only when the end token leaves a character unfinished
  const Told late = Resume(tokenizer, {'a', 258, kEnd}, sampling, 3);
  EXPECT_EQ(late.reason, FinishReason::kStop);
  EXPECT_EQ(late.after(0), "");
}

TEST(SequenceResumeTest, AForcedContinuationIsNoAnswer) {
  const ByteTokenizer tokenizer;
  auto request = ScoreRequest(1, 3, 4, std::make_shared<RecordingSink>());
  request->end_tokens = {'1'};
  const Sequence sequence(std::move(request), &tokenizer, BlockKey());
  EXPECT_EQ(sequence.generated, 0);
  EXPECT_EQ(sequence.ended, std::nullopt);
  EXPECT_EQ(sequence.remaining(), 6);
}

std::vector<BlockKey> Keys(Sequence& sequence) {
  std::vector<BlockKey> keys;
  const int blocks = static_cast<int>(sequence.tokens.size()) / kBlock;
  keys.reserve(blocks);
  for (int block = 0; block < blocks; ++block) keys.push_back(sequence.Key(block, kBlock));
  return keys;
}

// Twelve tokens of prompt: three blocks.
Sequence Steered(const Tokenizer& tokenizer, std::vector<MultiplierRun> multipliers,
                 const BlockKey& root = BlockKey()) {
  auto request = GenerateRequest(1, 12, 8, std::make_shared<RecordingSink>());
  request->controls = {Steering("signal", 1)};
  request->controls[0].multipliers = std::move(multipliers);
  return Sequence(std::move(request), &tokenizer, root);
}

TEST(SequenceKeyTest, KeysAreAChainFromTheRootOverPromptAndAnswer) {
  const ByteTokenizer tokenizer;
  const BlockKey root = RootKey("tenant", "f32");
  Sequence sequence(GenerateRequest(1, 6, 10, std::make_shared<RecordingSink>()), &tokenizer, root);
  sequence.Accept('a', -1, {}, kContext);
  sequence.Accept('b', -1, {}, kContext);
  const std::span<const TokenId> tokens(sequence.tokens);
  const Request& request = *sequence.request;
  const BlockKey first = NextKey(root, tokens.first(4), 0, request.controls, request.layout);
  const BlockKey second = NextKey(first, tokens.subspan(4, 4), 4, request.controls, request.layout);
  EXPECT_TRUE(sequence.Key(1, kBlock) == second);  // out of order
  EXPECT_TRUE(sequence.Key(0, kBlock) == first);
  Sequence other(GenerateRequest(1, 8, 10, std::make_shared<RecordingSink>()), &tokenizer, root);
  EXPECT_TRUE(other.Key(0, kBlock) == first);
  EXPECT_FALSE(other.Key(1, kBlock) == second);
}

TEST(SequenceKeyTest, ALiveChangeRenewsTheKeysFromTheFirstPositionThatNeverRan) {
  const ByteTokenizer tokenizer;
  const MultiplierRun before = {.position = 0, .m1 = 1, .m2 = 1};
  for (const int high_water : {0, 3, 4, 5, 8, 11, 12}) {
    Sequence changed = Steered(tokenizer, {before});
    const std::vector<BlockKey> old_keys = Keys(changed);
    changed.high_water = high_water;
    EXPECT_EQ(changed.SetMultipliers(0, 2, 3, kBlock), high_water);
    const std::vector<BlockKey> new_keys = Keys(changed);
    for (int block = 0; block < 3; ++block) {
      EXPECT_EQ(new_keys[block] == old_keys[block], (block + 1) * kBlock <= high_water)
          << "block " << block << " at " << high_water;
    }
    std::vector<MultiplierRun> planned = {{.position = high_water, .m1 = 2, .m2 = 3}};
    if (high_water > 0) planned.insert(planned.begin(), before);
    EXPECT_EQ(changed.request->controls[0].multipliers, planned);
    Sequence replayed = Steered(tokenizer, planned);
    EXPECT_TRUE(Keys(replayed) == new_keys) << high_water;
  }
}

TEST(SequenceKeyTest, ALiveChangeReachesOnlyItsOwnControl) {
  const ByteTokenizer tokenizer;
  auto request = GenerateRequest(1, 12, 8, std::make_shared<RecordingSink>());
  request->controls = {Steering("first", 1), Steering("second", -1)};
  Sequence sequence(std::move(request), &tokenizer, BlockKey());
  sequence.high_water = 6;
  EXPECT_EQ(sequence.SetMultipliers(1, 0.5, 0.25, kBlock), 6);
  const ControlSet& controls = sequence.request->controls;
  EXPECT_THAT(controls[0].multipliers, ElementsAre(MultiplierRun{0, 1, 1}));
  EXPECT_THAT(controls[1].multipliers,
              ElementsAre(MultiplierRun{0, -1, -1}, MultiplierRun{6, 0.5, 0.25}));
}

TEST(SequenceKeyTest, PositionsWhoseDistributionIsAskedForAreNotReusedBeforeTheyRan) {
  const ByteTokenizer tokenizer;
  auto asked = GenerateRequest(1, 8, 4, std::make_shared<RecordingSink>());
  const Sequence plain(std::make_unique<Request>(*asked), &tokenizer, BlockKey());
  EXPECT_EQ(plain.ReuseLimit(), 7);  // the last one has to run for its logits
  asked->sampling.prompt_log_probs = 0;
  Sequence told(std::move(asked), &tokenizer, BlockKey());
  EXPECT_EQ(told.ReuseLimit(), 0);
  told.high_water = 3;
  EXPECT_EQ(told.ReuseLimit(), 3);
  told.high_water = 8;
  EXPECT_EQ(told.ReuseLimit(), 7);
  Sequence scored(ScoreRequest(1, 5, 3, std::make_shared<RecordingSink>()), &tokenizer, BlockKey());
  EXPECT_EQ(scored.ReuseLimit(), 4);
  scored.high_water = 5;
  EXPECT_EQ(scored.ReuseLimit(), 5);
}

}  // namespace
}  // namespace steer
