#include "core/schedule/sequence.h"

#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/schedule/texts.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/recording_sink.h"
#include "tests/support/requests.h"

namespace steer {
namespace {

constexpr int kContext = 1 << 20;

bool IsUtf8(const std::string& text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : 4;
    if (lead >> 6 == 2 || lead >= 0xF8 || i + length > text.size()) return false;
    for (size_t j = 1; j < length; ++j) {
      if (static_cast<unsigned char>(text[i + j]) >> 6 != 2) return false;
    }
    i += length;
  }
  return true;
}

// The text byte by byte: ends as soon as a stop string is complete, before the longest of those.
std::string Reference(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

struct Fed {
  std::string text;
  std::optional<FinishReason> reason;
  int accepted = 0;
};

SamplingParams Until(const std::vector<std::string>& stops, int max_tokens) {
  SamplingParams sampling;
  sampling.stop = stops;
  sampling.max_tokens = max_tokens;
  return sampling;
}

// Feeds `tokens` until the sequence ends.
Fed Feed(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
         const SamplingParams& sampling, int context = kContext) {
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 2, sampling.max_tokens, sink);
  request->sampling = sampling;
  request->end_tokens = {ByteTokenizer::kEnd};
  Sequence sequence(std::move(request), &tokenizer, BlockKey());
  Fed run;
  for (const TokenId token : tokens) {
    run.reason = sequence.Accept(token, -1, {}, context);
    ++run.accepted;
    EXPECT_TRUE(IsUtf8(sink->tokens().back().text));
    EXPECT_TRUE(IsUtf8(sequence.held_text));
    if (run.reason) break;
    bool may_begin_a_stop = sequence.held_text.empty();
    for (const std::string& stop : sampling.stop) {
      may_begin_a_stop = may_begin_a_stop || (stop.size() > sequence.held_text.size() &&
                                              stop.rfind(sequence.held_text, 0) == 0);
    }
    EXPECT_TRUE(may_begin_a_stop) << "held without reason: " << sequence.held_text;
  }
  EXPECT_EQ(static_cast<int>(sink->tokens().size()), run.accepted);
  run.text = sink->text() + sequence.held_text;
  return run;
}

TEST(SequenceTest, StopStringsAsReadByteByByteHoweverTheTextIsSplit) {
  const std::vector<std::string> alphabet = {"a", "b", "é"};
  const std::vector<std::string> rare = {"a", "b", "é", "€", "😀"};
  std::mt19937 random(7);
  int stopped = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto& letters = round % 2 == 0 ? alphabet : rare;
    const std::string text = RandomText(random, 1 + random() % 12, letters);
    const std::vector<std::string> stops = RandomStops(random, letters);
    const std::vector<std::string> pieces = RandomSplit(random, text);
    const ByteTokenizer tokenizer(pieces);
    const Fed run =
        Feed(tokenizer, PieceTokens(pieces), Until(stops, static_cast<int>(pieces.size())));
    const std::string expected = Reference(text, stops);
    EXPECT_EQ(run.text, expected) << text;
    ASSERT_TRUE(run.reason.has_value());
    EXPECT_EQ(*run.reason, expected == text ? FinishReason::kLength : FinishReason::kStop);
    stopped += *run.reason == FinishReason::kStop ? 1 : 0;
  }
  EXPECT_GT(stopped, 500);
}

TEST(SequenceTest, AnyBytesGiveTheTextOfAllOfThemAtOnce) {
  const std::vector<std::string> alphabet = {"a",    "\xC3", "\xA9",     "\xE2\x82", "\xF0\x9F",
                                             "\xFF", "\xAC", "\xED\xA0", "b",        "€"};
  const std::vector<std::string> stops = {"\uFFFD\uFFFDa", "b€"};
  std::mt19937 random(8);
  for (int round = 0; round < 2000; ++round) {
    const std::vector<std::string> pieces =
        RandomSplit(random, RandomText(random, 1 + random() % 12, alphabet));
    const ByteTokenizer tokenizer(pieces);
    const std::vector<TokenId> tokens = PieceTokens(pieces);
    const Fed run = Feed(tokenizer, tokens, Until(stops, static_cast<int>(tokens.size())));
    EXPECT_EQ(run.text, Reference(Detokenize(tokenizer, tokens, false), stops));
  }
}

TEST(SequenceTest, OfSeveralStopStringsInOneTokenTheOneCompleteFirstCounts) {
  const ByteTokenizer tokenizer({"xabcd"});
  EXPECT_EQ(Feed(tokenizer, {257}, Until({"abcd", "bc"}, 9)).text, "xa");
  EXPECT_EQ(Feed(tokenizer, {257}, Until({"bc", "abc", "abcd"}, 9)).text, "x");
}

TEST(SequenceTest, EndTokenEndsWithoutText) {
  const ByteTokenizer tokenizer;
  const Fed run = Feed(tokenizer, {'h', 'i', '<', ByteTokenizer::kEnd, 'x'}, Until({"<e"}, 100));
  EXPECT_EQ(run.reason, FinishReason::kEndOfText);
  EXPECT_EQ(run.text, "hi<");  // what was held back belongs to the answer
  EXPECT_EQ(run.accepted, 4);
}

TEST(SequenceTest, StopTokenEndsWithoutText) {
  const ByteTokenizer tokenizer;
  SamplingParams sampling = Until({}, 100);
  sampling.stop_tokens = {'y', 'z'};
  const Fed run = Feed(tokenizer, {'h', 'i', 'z', 'x'}, sampling);
  EXPECT_EQ(run.reason, FinishReason::kStop);
  EXPECT_EQ(run.text, "hi");
  EXPECT_EQ(run.accepted, 3);
}

TEST(SequenceTest, IgnoredEndTokensAreTokensWithoutText) {
  const ByteTokenizer tokenizer;
  constexpr TokenId kEnd = ByteTokenizer::kEnd;
  SamplingParams sampling = Until({}, 5);
  sampling.ignore_eos = true;
  const Fed run = Feed(tokenizer, {'a', kEnd, kEnd, 'b', kEnd}, sampling);
  EXPECT_EQ(run.reason, FinishReason::kLength);
  EXPECT_EQ(run.text, "ab");
  EXPECT_EQ(run.accepted, 5);
  // As a stop token it was asked for by name.
  sampling.stop_tokens = {kEnd};
  EXPECT_EQ(Feed(tokenizer, {'a', kEnd, 'b'}, sampling).reason, FinishReason::kStop);
}

TEST(SequenceTest, MinTokensBindsEndTokensAndStopTokens) {
  const ByteTokenizer tokenizer;
  SamplingParams sampling = Until({}, 6);
  sampling.min_tokens = 3;
  sampling.stop_tokens = {'.'};
  for (const TokenId end : {ByteTokenizer::kEnd, TokenId{'.'}}) {
    const std::string text = end == '.' ? "." : "";
    for (int at = 0; at < 6; ++at) {
      std::vector<TokenId> tokens = {'a', 'b', 'c', 'd', 'e', 'f'};
      tokens[at] = end;
      const Fed run = Feed(tokenizer, tokens, sampling);
      const std::string letters = "abcdef";
      if (at < 3) {  // one of the first three
        EXPECT_EQ(run.reason, FinishReason::kLength) << at;
        EXPECT_EQ(run.text, letters.substr(0, at) + text + letters.substr(at + 1)) << at;
      } else {
        EXPECT_EQ(run.reason, end == '.' ? FinishReason::kStop : FinishReason::kEndOfText) << at;
        EXPECT_EQ(run.text, letters.substr(0, at)) << at;
        EXPECT_EQ(run.accepted, at + 1);
      }
    }
  }
}

TEST(SequenceTest, AStopStringCountsIfItLiesBehindMinTokens) {
  const ByteTokenizer tokenizer({"xy"});
  SamplingParams sampling = Until({"xy"}, 6);
  sampling.min_tokens = 3;
  const auto feed = [&](const std::vector<TokenId>& tokens) {
    return Feed(tokenizer, tokens, sampling).text;
  };
  EXPECT_EQ(feed({'a', 'x', 'y', 'd', 'e', 'f'}), "axydef");  // complete at the border
  EXPECT_EQ(feed({'a', 'b', 257, 'd', 'e', 'f'}), "abxydef");
  EXPECT_EQ(feed({'a', 'b', 'x', 'y', 'e', 'f'}), "abxyef");  // across it
  EXPECT_EQ(feed({'a', 'b', 'c', 'x', 'y', 'f'}), "abc");
  EXPECT_EQ(feed({'a', 'b', 'c', 257, 'e', 'f'}), "abc");
}

TEST(SequenceTest, MinTokensSplitsTheTextForStopStrings) {
  const std::vector<std::string> letters = {"a", "b", "é", "€"};
  std::mt19937 random(9);
  int stopped = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::string text = RandomText(random, 2 + static_cast<int>(random() % 12), letters);
    const std::vector<std::string> pieces = RandomSplit(random, text);
    SamplingParams sampling = Until(RandomStops(random, letters), static_cast<int>(pieces.size()));
    sampling.min_tokens = static_cast<int>(random() % (pieces.size() + 1));
    // The characters that the first tokens complete are told whatever they are.
    size_t told = 0;
    for (int i = 0; i < sampling.min_tokens; ++i) told += pieces[i].size();
    while (!IsUtf8(text.substr(0, told))) --told;
    const Fed run = Feed(ByteTokenizer(pieces), PieceTokens(pieces), sampling);
    EXPECT_EQ(run.text, text.substr(0, told) + Reference(text.substr(told), sampling.stop)) << text;
    stopped += run.reason == FinishReason::kStop ? 1 : 0;
  }
  EXPECT_GT(stopped, 200);
}

TEST(SequenceTest, LengthAtMaxTokensAndAtTheContextLimit) {
  const ByteTokenizer tokenizer;
  const Fed full = Feed(tokenizer, {'a', 'b', 'c', 'd'}, Until({}, 3));
  EXPECT_EQ(full.reason, FinishReason::kLength);
  EXPECT_EQ(full.text, "abc");
  const Fed context = Feed(tokenizer, {'a', 'b', 'c', 'd'}, Until({}, 100), /*context=*/4);
  EXPECT_EQ(context.reason, FinishReason::kLength);
  EXPECT_EQ(context.text, "ab");  // two tokens of prompt, two of answer
}

TEST(SequenceTest, UnfinishedCharacterIsReplacedAtTheEnd) {
  const ByteTokenizer tokenizer;
  EXPECT_EQ(Feed(tokenizer, {'a', 0xE2, 0x82}, Until({}, 3)).text, "a\uFFFD");
  const Fed stopped = Feed(tokenizer, {'a', 0xE2, 0x82}, Until({"\uFFFD"}, 3));
  EXPECT_EQ(stopped.reason, FinishReason::kStop);
  EXPECT_EQ(stopped.text, "a");
}

TEST(SequenceTest, BytesAfterAStopStringAreNotTold) {
  const ByteTokenizer tokenizer({"ab.\xC3"});
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 1, 10, sink);
  request->sampling.stop = {"."};
  Sequence sequence(std::move(request), &tokenizer, BlockKey());
  EXPECT_EQ(sequence.Accept(257, -1, {}, kContext), FinishReason::kStop);
  EXPECT_EQ(sink->text(), "ab");
  EXPECT_EQ(sequence.held_text + sequence.detokenizer.Flush(), "");
}

TEST(SequenceTest, LogProbabilityOnlyWhenAskedAndTheAlternativesAsTheyCame) {
  const ByteTokenizer tokenizer;
  for (const bool asked : {false, true}) {
    const auto sink = std::make_shared<RecordingSink>();
    auto request = GenerateRequest(1, 1, 10, sink);
    request->sampling.log_probs = asked;
    Sequence sequence(std::move(request), &tokenizer, BlockKey());
    EXPECT_EQ(sequence.Accept('a', -2.5f, {{.token = 7, .log_prob = -1}}, kContext), std::nullopt);
    const TokenEvent event = sink->tokens().at(0);
    EXPECT_EQ(event.token, 'a');
    EXPECT_EQ(event.log_prob, asked ? std::optional<float>(-2.5f) : std::nullopt);
    ASSERT_EQ(event.top.size(), 1u);
    EXPECT_EQ(event.top[0].token, 7);
  }
}

TEST(FinishReasonTest, NamesAreDistinct) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(FinishReason::kScored); ++i) {
    names.insert(std::string(Name(static_cast<FinishReason>(i))));
  }
  EXPECT_THAT(names, ::testing::ElementsAre("cancelled", "deadline", "end_of_text", "error",
                                            "length", "scored", "stop"));
}

}  // namespace
}  // namespace steer
