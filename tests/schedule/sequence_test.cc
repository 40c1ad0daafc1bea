#include "core/schedule/sequence.h"

#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
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

// Feeds `tokens` until the sequence ends.
Fed Feed(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
         const std::vector<std::string>& stops, int max_tokens, int context = kContext) {
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 2, max_tokens, sink);
  request->sampling.stop = stops;
  request->end_tokens = {ByteTokenizer::kEnd};
  Sequence sequence(std::move(request), &tokenizer);
  Fed run;
  for (const TokenId token : tokens) {
    run.reason = sequence.Accept(token, -1, context);
    ++run.accepted;
    EXPECT_TRUE(IsUtf8(sink->tokens().back().text));
    EXPECT_TRUE(IsUtf8(sequence.held_text));
    if (run.reason) break;
    bool may_begin_a_stop = sequence.held_text.empty();
    for (const std::string& stop : stops) {
      may_begin_a_stop = may_begin_a_stop || (stop.size() > sequence.held_text.size() &&
                                              stop.rfind(sequence.held_text, 0) == 0);
    }
    EXPECT_TRUE(may_begin_a_stop) << "held without reason: " << sequence.held_text;
  }
  EXPECT_EQ(static_cast<int>(sink->tokens().size()), run.accepted);
  run.text = sink->text() + sequence.held_text;
  return run;
}

std::string RandomText(std::mt19937& random, int characters,
                       const std::vector<std::string>& alphabet) {
  std::string text;
  for (int i = 0; i < characters; ++i) text += alphabet[random() % alphabet.size()];
  return text;
}

// `text` cut into pieces of 1 to 12 bytes, each a token.
std::vector<std::string> RandomSplit(std::mt19937& random, const std::string& text) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size(); at += pieces.back().size()) {
    pieces.push_back(text.substr(at, 1 + random() % 12));
  }
  return pieces;
}

std::vector<TokenId> PieceTokens(const std::vector<std::string>& pieces) {
  std::vector<TokenId> tokens;
  for (size_t i = 0; i < pieces.size(); ++i) {
    tokens.push_back(ByteTokenizer::kEnd + 1 + static_cast<TokenId>(i));
  }
  return tokens;
}

TEST(SequenceTest, StopStringsAsReadByteByByteHoweverTheTextIsSplit) {
  const std::vector<std::string> alphabet = {"a", "b", "é"};
  const std::vector<std::string> rare = {"a", "b", "é", "€", "😀"};
  std::mt19937 random(7);
  int stopped = 0;
  for (int round = 0; round < 4000; ++round) {
    const auto& letters = round % 2 == 0 ? alphabet : rare;
    const std::string text = RandomText(random, 1 + random() % 12, letters);
    std::vector<std::string> stops;
    for (int i = static_cast<int>(random() % 4); i > 0; --i) {
      stops.push_back(RandomText(random, 1 + random() % 6, letters));
    }
    const std::vector<std::string> pieces = RandomSplit(random, text);
    const ByteTokenizer tokenizer(pieces);
    const Fed run = Feed(tokenizer, PieceTokens(pieces), stops, static_cast<int>(pieces.size()));
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
    const Fed run = Feed(tokenizer, tokens, stops, static_cast<int>(tokens.size()));
    EXPECT_EQ(run.text, Reference(Detokenize(tokenizer, tokens, false), stops));
  }
}

TEST(SequenceTest, OfSeveralStopStringsInOneTokenTheOneCompleteFirstCounts) {
  const ByteTokenizer tokenizer({"xabcd"});
  EXPECT_EQ(Feed(tokenizer, {257}, {"abcd", "bc"}, 9).text, "xa");
  EXPECT_EQ(Feed(tokenizer, {257}, {"bc", "abc", "abcd"}, 9).text, "x");
}

TEST(SequenceTest, EndTokenEndsWithoutText) {
  const ByteTokenizer tokenizer;
  const Fed run = Feed(tokenizer, {'h', 'i', '<', ByteTokenizer::kEnd, 'x'}, {"<e"}, 100);
  EXPECT_EQ(run.reason, FinishReason::kEndOfText);
  EXPECT_EQ(run.text, "hi<");  // what was held back belongs to the answer
  EXPECT_EQ(run.accepted, 4);
}

TEST(SequenceTest, LengthAtMaxTokensAndAtTheContextLimit) {
  const ByteTokenizer tokenizer;
  const Fed full = Feed(tokenizer, {'a', 'b', 'c', 'd'}, {}, 3);
  EXPECT_EQ(full.reason, FinishReason::kLength);
  EXPECT_EQ(full.text, "abc");
  const Fed context = Feed(tokenizer, {'a', 'b', 'c', 'd'}, {}, 100, /*context=*/4);
  EXPECT_EQ(context.reason, FinishReason::kLength);
  EXPECT_EQ(context.text, "ab");  // two tokens of prompt, two of answer
}

TEST(SequenceTest, UnfinishedCharacterIsReplacedAtTheEnd) {
  const ByteTokenizer tokenizer;
  EXPECT_EQ(Feed(tokenizer, {'a', 0xE2, 0x82}, {}, 3).text, "a\uFFFD");
  const Fed stopped = Feed(tokenizer, {'a', 0xE2, 0x82}, {"\uFFFD"}, 3);
  EXPECT_EQ(stopped.reason, FinishReason::kStop);
  EXPECT_EQ(stopped.text, "a");
}

TEST(SequenceTest, BytesAfterAStopStringAreNotTold) {
  const ByteTokenizer tokenizer({"ab.\xC3"});
  const auto sink = std::make_shared<RecordingSink>();
  auto request = GenerateRequest(1, 1, 10, sink);
  request->sampling.stop = {"."};
  Sequence sequence(std::move(request), &tokenizer);
  EXPECT_EQ(sequence.Accept(257, -1, kContext), FinishReason::kStop);
  EXPECT_EQ(sink->text(), "ab");
  EXPECT_EQ(sequence.held_text + sequence.detokenizer.Flush(), "");
}

TEST(SequenceTest, LogProbabilityOnlyWhenAsked) {
  const ByteTokenizer tokenizer;
  for (const bool asked : {false, true}) {
    const auto sink = std::make_shared<RecordingSink>();
    auto request = GenerateRequest(1, 1, 10, sink);
    request->sampling.log_probs = asked;
    Sequence sequence(std::move(request), &tokenizer);
    EXPECT_EQ(sequence.Accept('a', -2.5f, kContext), std::nullopt);
    const TokenEvent event = sink->tokens().at(0);
    EXPECT_EQ(event.token, 'a');
    EXPECT_EQ(event.log_prob, asked ? std::optional<float>(-2.5f) : std::nullopt);
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
