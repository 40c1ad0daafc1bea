#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tokenizer/tokenizer_file.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr TokenId kEndOfText = 256, kStart = 257, kEnd = 258;
constexpr TokenId kHe = 259, kHell = 261, kHello = 262, kSpaceHello = 263;

std::unique_ptr<const Tokenizer> Make(TokenizerFile file) {
  auto tokenizer = file.MakeTokenizer();
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

absl::Status ErrorOf(TokenizerFile file) { return file.MakeTokenizer().status(); }

TEST(BpeTest, MergesInsidePieces) {
  const auto tokenizer = Make(SmallTokenizerFile());
  EXPECT_THAT(tokenizer->Encode("hello hello hell h", false),
              ElementsAre(kHello, kSpaceHello, ' ', kHell, ' ', 'h'));
  EXPECT_THAT(tokenizer->Encode("he he5he", false), ElementsAre(kHe, ' ', kHe, '5', kHe));
  EXPECT_THAT(tokenizer->Encode("é", false), ElementsAre(0xC3, 0xA9));
  EXPECT_THAT(tokenizer->Encode("", false), IsEmpty());
}

TEST(BpeTest, BytesOfATokenAreRaw) {
  const auto tokenizer = Make(SmallTokenizerFile());
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(tokenizer->Bytes(byte, false), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(tokenizer->Bytes(kSpaceHello, false), " hello");
  EXPECT_EQ(tokenizer->Bytes(kStart, false), "");
  EXPECT_EQ(tokenizer->Bytes(kStart, true), "<|im_start|>");
  for (const TokenId token : {-1, 264, 0x40000000}) {
    EXPECT_EQ(tokenizer->Bytes(token, true), "");
    EXPECT_FALSE(tokenizer->IsSpecial(token));
  }
  EXPECT_EQ(tokenizer->vocabulary_size(), 264);
}

TEST(BpeTest, BytesWithoutATokenAreDroppedAndTheirNeighboursMerge) {
  TokenizerFile file = SmallTokenizerFile();
  file.tokens['-'] = "nothing";  // a spelling that is no byte
  const auto tokenizer = Make(file);
  EXPECT_THAT(tokenizer->Encode("a--b", false), ElementsAre('a', 'b'));
  file.tokens['-'] = ByteLevelSpelling('-');
  file.tokens[0x06] = "nothing";
  file.tokens[0x01] = "nothing too";
  // Control characters are one piece of their own; ARABIC NUMBER SIGN is D8 80.
  file.AddMerge(ByteLevelSpelling(0x02), ByteLevelSpelling(0x03));
  EXPECT_THAT(Make(file)->Encode("\x02\x06\x01\x03", false), ElementsAre(264));
  EXPECT_THAT(Make(file)->Encode("\x02\x04\x03", false), ElementsAre(2, 4, 3));
}

TEST(BpeTest, SpecialSpellingsAreTextUnlessAskedFor) {
  const auto tokenizer = Make(SmallTokenizerFile());
  const std::string text = "he<|im_start|>hello<|im_end|>";
  EXPECT_THAT(tokenizer->Encode(text, true), ElementsAre(kHe, kStart, kHello, kEnd));
  const std::vector<TokenId> plain = tokenizer->Encode(text, false);
  std::string bytes;
  for (const TokenId token : plain) {
    EXPECT_FALSE(tokenizer->IsSpecial(token));
    bytes += tokenizer->Bytes(token, false);
  }
  EXPECT_EQ(bytes, text);
}

TEST(BpeTest, TheLongestSpellingAtAPlaceWins) {
  TokenizerFile file = SmallTokenizerFile();
  const TokenId one = file.Add("<x>", TokenKind::kControl);
  const TokenId two = file.Add("<x><x>", TokenKind::kUserDefined);
  const TokenId tail = file.Add("x><y", TokenKind::kControl);
  const auto tokenizer = Make(file);
  EXPECT_THAT(tokenizer->Encode("<x><x><x>", true), ElementsAre(two, one));
  EXPECT_THAT(tokenizer->Encode("<x><y", true), ElementsAre(one, '<', 'y'));
  EXPECT_THAT(tokenizer->Encode("x><y", true), ElementsAre(tail));
  EXPECT_THAT(tokenizer->Encode("<x", true), ElementsAre('<', 'x'));
}

TEST(BpeTest, UserDefinedTokensAreText) {
  TokenizerFile file = SmallTokenizerFile();
  const TokenId user = file.Add("<tool é>", TokenKind::kUserDefined);
  const auto tokenizer = Make(file);
  EXPECT_THAT(tokenizer->Encode("<tool é>", true), ElementsAre(user));
  EXPECT_THAT(tokenizer->Encode("<tool é>", false), ElementsAre(user));
  EXPECT_FALSE(tokenizer->IsSpecial(user));
  EXPECT_EQ(tokenizer->Bytes(user, false), "<tool é>");
}

TEST(BpeTest, WhatMarksTurnsIsNoTextWhateverTheFileCallsIt) {
  TokenizerFile file = SmallTokenizerFile();
  const TokenId marker = file.Add("<|user|>", TokenKind::kUserDefined);
  const TokenId end = file.Add("<stop>", TokenKind::kUserDefined);
  file.eos = end;
  const auto tokenizer = Make(file);
  for (const auto& [spelling, token] : {std::pair("<|user|>", marker), std::pair("<stop>", end)}) {
    EXPECT_THAT(tokenizer->Encode(spelling, true), ElementsAre(token));
    EXPECT_EQ(tokenizer->Encode(spelling, false).size(), std::string(spelling).size());
  }
}

TEST(BpeTest, NoTextMergesIntoASpecialToken) {
  TokenizerFile file = SmallTokenizerFile();
  file.tokens[kEnd] = "hh";
  file.merges.push_back("h h");
  const auto tokenizer = Make(file);
  EXPECT_THAT(tokenizer->Encode("hh", false), ElementsAre('h', 'h'));
  EXPECT_THAT(tokenizer->Encode("hh", true), ElementsAre(kEnd));
}

TEST(BpeTest, ASpecialSpellingCountsOnlyIfNoByteOfItIsForeign) {
  const auto tokenizer = Make(SmallTokenizerFile());
  const std::string text = "<|im_end|>";
  EXPECT_THAT(tokenizer->EncodeRendered(text, {}), ElementsAre(kEnd));
  EXPECT_THAT(tokenizer->EncodeRendered(text + "x", {{10, 11}}), ElementsAre(kEnd, 'x'));
  for (size_t at = 0; at < text.size(); ++at) {
    EXPECT_EQ(tokenizer->EncodeRendered(text, {{at, at + 1}}).size(), text.size()) << at;
  }
}

TEST(BpeTest, Qwen2ComposesTextFirst) {
  TokenizerFile file = SmallTokenizerFile();
  EXPECT_THAT(Make(file)->Encode("e\u0301", false), ElementsAre('e', 0xCC, 0x81));
  file.pre = "qwen2";
  EXPECT_THAT(Make(file)->Encode("e\u0301", false), ElementsAre(0xC3, 0xA9));
}

TEST(BpeTest, IllFormedTextIsReadAsReplacements) {
  const auto tokenizer = Make(SmallTokenizerFile());
  EXPECT_EQ(tokenizer->Encode("he\xFFhe", false), tokenizer->Encode("he\uFFFDhe", false));
  EXPECT_EQ(tokenizer->Encode("he\xE2\x82", true), tokenizer->Encode("he\uFFFD", true));
}

TEST(BpeTest, WholePiecesComeFirstOnlyWhereTheReferenceDoesSo) {
  TokenizerFile file = SmallTokenizerFile();
  file.adds_bos = false;
  const TokenId whole = file.Add("world");  // no merges lead to it
  EXPECT_THAT(Make(file)->Encode("world", false), ElementsAre('w', 'o', 'r', 'l', 'd'));
  file.pre = "llama-bpe";
  EXPECT_THAT(Make(file)->Encode("world", false), ElementsAre(whole));
}

TEST(BpeTest, EndsAndBeginnings) {
  TokenizerFile file = SmallTokenizerFile();
  file.bos = kStart;
  EXPECT_EQ(Make(file)->bos(), std::nullopt);
  file.adds_bos = true;
  EXPECT_EQ(Make(file)->bos(), kStart);
  EXPECT_THAT(Make(file)->end_tokens(), ElementsAre(kEndOfText, kEnd));
  file.eos = 'q';
  EXPECT_THAT(Make(file)->end_tokens(), ElementsAre('q', kEndOfText, kEnd));
  file.kinds[kEndOfText] = static_cast<int32_t>(TokenKind::kNormal);
  EXPECT_THAT(Make(file)->end_tokens(), ElementsAre('q', kEnd));
  // Families that start every text with BOS do so although their file does not say it.
  file.adds_bos.reset();
  EXPECT_EQ(Make(file)->bos(), std::nullopt);
  file.pre = "llama-bpe";
  EXPECT_EQ(Make(file)->bos(), kStart);
}

TEST(BpeTest, TheFingerprintChangesWithEveryTable) {
  std::set<std::string> seen;
  const TokenizerFile plain = SmallTokenizerFile();
  EXPECT_EQ(Make(plain)->fingerprint(), Make(SmallTokenizerFile())->fingerprint());
  EXPECT_EQ(Make(plain)->fingerprint().size(), 64u);
  const auto fingerprint_with = [&](auto change) {
    TokenizerFile file = plain;
    change(file);
    return Make(file)->fingerprint();
  };
  seen.insert(fingerprint_with([](TokenizerFile&) {}));
  seen.insert(fingerprint_with([](TokenizerFile& file) { file.pre = "gpt-2"; }));
  seen.insert(fingerprint_with([](TokenizerFile& file) { file.Add("new"); }));
  seen.insert(fingerprint_with([](TokenizerFile& file) { file.kinds[kEnd] = 4; }));
  seen.insert(fingerprint_with([](TokenizerFile& file) { file.merges.pop_back(); }));
  seen.insert(
      fingerprint_with([](TokenizerFile& file) { std::swap(file.merges[0], file.merges[1]); }));
  EXPECT_EQ(seen.size(), 6u);
}

TEST(BpeTest, BrokenTablesAreRefusedByName) {
  const auto expect_invalid = [](const char* part, auto change) {
    TokenizerFile file = SmallTokenizerFile();
    change(file);
    const absl::Status status = ErrorOf(file);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  };
  expect_invalid("tokenizer.ggml.model", [](auto& file) { file.model.reset(); });
  expect_invalid("tokenizer.ggml.tokens", [](auto& file) { file.tokens.clear(); });
  expect_invalid("tokenizer.ggml.tokens[264]: got 'a' again", [](auto& file) { file.Add("a"); });
  expect_invalid("tokenizer.ggml.token_type: got 263", [](auto& file) { file.kinds.pop_back(); });
  expect_invalid("tokenizer.ggml.token_type[3]: got 7", [](auto& file) { file.kinds[3] = 7; });
  expect_invalid("tokenizer.ggml.token_type[0]: got -1", [](auto& file) { file.kinds[0] = -1; });
  expect_invalid("tokenizer.ggml.merges[0]", [](auto& file) { file.merges[0] = "hе h"; });
  expect_invalid("tokenizer.ggml.merges[0]", [](auto& file) { file.merges[0] = "h"; });
  expect_invalid("tokenizer.ggml.eos_token_id: got 264", [](auto& file) { file.eos = 264; });
  expect_invalid("tokenizer.ggml.bos_token_id", [](auto& file) { file.bos = 0xFFFFFFFF; });
  expect_invalid("tokenizer.ggml.bos_token_id: got none", [](auto& file) { file.adds_bos = true; });
}

TEST(BpeTest, UnknownKindsOfTokenizerAreRefusedByName) {
  TokenizerFile file = SmallTokenizerFile();
  file.model = "bert";
  EXPECT_EQ(ErrorOf(file).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(ErrorOf(file).message()), HasSubstr("got 'bert', allowed: gpt2, llama"));
  file.model = "gpt2";
  file.pre = "command-r";
  EXPECT_EQ(ErrorOf(file).code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(ErrorOf(file).message()), HasSubstr("got 'command-r', allowed: gpt-2"));
  file.pre.reset();
  EXPECT_EQ(ErrorOf(file).code(), absl::StatusCode::kUnimplemented);
}

TEST(BpeTest, AFileWithoutKindsHasOnlyOrdinaryTokens) {
  TokenizerFile file = SmallTokenizerFile();
  file.kinds.clear();
  const auto tokenizer = Make(file);
  EXPECT_EQ(tokenizer->Encode("<|im_end|>", true), tokenizer->Encode("<|im_end|>", false));
}

TEST(BpeTest, LongRunsOfOneLetterAreNoAttack) {
  const auto tokenizer = Make(SmallTokenizerFile());
  EXPECT_EQ(tokenizer->Encode(std::string(1'000'000, 'l'), true).size(), 500'000u);
  EXPECT_EQ(tokenizer->Encode(std::string(1'000'000, '<'), true).size(), 1'000'000u);
}

}  // namespace
}  // namespace steer
