#include "core/tokenizer/bpe.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/utf8.h"

namespace steer {
namespace {

// Ends and beginnings are the model's own, whatever kind of token the file says they are.
void ReserveEnds(const std::vector<TokenId>& ends, Vocabulary* vocabulary) {
  for (AddedToken& token : vocabulary->added) {
    const bool is_end = std::binary_search(ends.begin(), ends.end(), token.token);
    if (is_end || token.token == vocabulary->bos) token.is_text = false;
  }
}

// By id, what no text may merge into.
std::vector<bool> ReservedOf(const Vocabulary& vocabulary) {
  std::vector<bool> reserved;
  reserved.reserve(vocabulary.kinds.size());
  for (const TokenKind kind : vocabulary.kinds) reserved.push_back(IsSpecialKind(kind));
  for (const AddedToken& token : vocabulary.added) {
    if (!token.is_text) reserved[token.token] = true;
  }
  return reserved;
}

absl::StatusOr<std::vector<MergeTable::Merge>> MergesOf(const Vocabulary& vocabulary,
                                                        const std::vector<bool>& reserved) {
  absl::flat_hash_map<absl::string_view, TokenId> ids;
  ids.reserve(vocabulary.tokens.size());
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (!vocabulary.tokens[id].empty()) ids.emplace(vocabulary.tokens[id], id);
  }
  if (vocabulary.scores.empty()) {
    return ResolveMerges(ids, reserved, vocabulary.merges,
                         absl::StrCat(vocabulary.origin, ".merges"));
  }
  std::vector<bool> can_merge;
  can_merge.reserve(vocabulary.kinds.size());
  for (size_t id = 0; id < reserved.size(); ++id) {
    const TokenKind kind = vocabulary.kinds[id];
    can_merge.push_back(!reserved[id] &&
                        (kind == TokenKind::kNormal || kind == TokenKind::kUserDefined));
  }
  return MergesOfScores(ids, can_merge, vocabulary.scores);
}

// The first byte of a visible space that has something else before it; npos if there is none.
size_t NextWordStart(absl::string_view text, size_t from) {
  for (size_t at = text.find(kVisibleSpace, from); at != absl::string_view::npos;
       at = text.find(kVisibleSpace, at + kVisibleSpace.size())) {
    const size_t width = kVisibleSpace.size();
    if (at > 0 && (at < width || text.substr(at - width, width) != kVisibleSpace)) return at;
  }
  return absl::string_view::npos;
}

bool MayCutBeforeSpaces(const Vocabulary& vocabulary, const Symbols& symbols,
                        const std::vector<MergeTable::Merge>& merges) {
  if (vocabulary.symbols.byte_level || vocabulary.symbols.whole_pieces_first) return false;
  if (!symbols.Contains(CodePoint(kVisibleSpace))) return false;
  return std::none_of(merges.begin(), merges.end(), [&](const MergeTable::Merge& merge) {
    return NextWordStart(vocabulary.tokens[merge.merged], 0) != absl::string_view::npos;
  });
}

}  // namespace

BpeTokenizer::BpeTokenizer(Vocabulary vocabulary, const std::vector<bool>& ordinary,
                           const std::vector<MergeTable::Merge>& merges)
    : vocabulary_(std::move(vocabulary)),
      symbols_(vocabulary_, ordinary),
      merges_(merges),
      cuts_before_spaces_(MayCutBeforeSpaces(vocabulary_, symbols_, merges)) {}

absl::StatusOr<std::unique_ptr<const Tokenizer>> BpeTokenizer::Create(Vocabulary vocabulary) {
  std::string fingerprint = FingerprintOf(vocabulary);
  std::vector<TokenId> ends = EndTokensOf(vocabulary);
  ReserveEnds(ends, &vocabulary);
  std::vector<bool> ordinary = ReservedOf(vocabulary);
  STEER_ASSIGN_OR_RETURN(const std::vector<MergeTable::Merge> merges,
                         MergesOf(vocabulary, ordinary));
  ordinary.flip();
  vocabulary.merges = {};
  vocabulary.scores = {};
  auto tokenizer =
      std::unique_ptr<BpeTokenizer>(new BpeTokenizer(std::move(vocabulary), ordinary, merges));
  Vocabulary& kept = tokenizer->vocabulary_;
  for (size_t id = 0; id < kept.tokens.size(); ++id) {
    tokenizer->bytes_.push_back(DecodedBytes(kept, id));
    tokenizer->is_special_.push_back(IsSpecialKind(kept.kinds[id]));
  }
  tokenizer->FindWholePieces(ordinary);
  tokenizer->AddSpecialTokens();
  if (kept.symbols.byte_level) kept.tokens = {};
  tokenizer->bos_ = kept.bos;
  tokenizer->end_tokens_ = std::move(ends);
  tokenizer->fingerprint_ = std::move(fingerprint);
  return std::unique_ptr<const Tokenizer>(std::move(tokenizer));
}

void BpeTokenizer::AddSpecialTokens() {
  for (AddedToken& token : vocabulary_.added) {
    if (!token.normalized) {
      raw_tokens_.Add(token);
      continue;
    }
    MarkedText spelling{token.spelling, {}};
    vocabulary_.normalizer.Apply(&spelling);
    if (spelling.text.empty()) continue;
    token.spelling = std::move(spelling.text);
    normalized_tokens_.Add(token);
  }
  vocabulary_.added = {};
}

void BpeTokenizer::FindWholePieces(const std::vector<bool>& ordinary) {
  // Most pieces of real text are one token: merging each token once here saves merging it at every
  // occurrence. Some tokenizers take all tokens so, whether or not merges lead to them.
  const std::vector<std::string>& pieces =
      vocabulary_.symbols.byte_level ? bytes_ : vocabulary_.tokens;
  Work work;
  for (TokenId token = 0; token < vocabulary_size(); ++token) {
    const std::string& piece = pieces[token];
    if (!ordinary[token] || piece.empty()) continue;
    Merge(piece, &work);
    const bool is_merged = work.word.size() == 1 && work.word[0] == token;
    if (is_merged || vocabulary_.symbols.whole_pieces_first) whole_pieces_.emplace(piece, token);
  }
}

std::vector<TokenId> BpeTokenizer::Encode(absl::string_view text, bool parse_special) const {
  std::string replaced;
  if (FirstInvalidUtf8(text)) {
    AppendValidUtf8(text, &replaced);
    text = replaced;
  }
  if (parse_special) return EncodeRendered(text, {});
  return EncodeRendered(text, {{0, text.size()}});
}

std::vector<TokenId> BpeTokenizer::EncodeRendered(absl::string_view text,
                                                  const std::vector<ByteSpan>& foreign) const {
  Work work;
  const auto segment = [&](ByteSpan span) {
    const absl::string_view part = text.substr(span.begin, span.end - span.begin);
    if (vocabulary_.normalizer.empty() && normalized_tokens_.empty()) {
      EncodeNormalized(part, span.begin == 0, &work);
      return;
    }
    MarkedText marked{std::string(part), {}};
    // Only where tokens are still to be looked for does it matter whose text it is.
    for (const ByteSpan& outside : foreign) {
      if (normalized_tokens_.empty() || outside.begin >= span.end) break;
      const size_t begin = std::max(outside.begin, span.begin);
      const size_t end = std::min(outside.end, span.end);
      if (begin < end) marked.foreign.push_back({begin - span.begin, end - span.begin});
    }
    EncodeSegment(std::move(marked), span.begin == 0, &work);
  };
  TakeAdded(raw_tokens_, text, foreign, segment, &work);
  return std::move(work.tokens);
}

void BpeTokenizer::TakeAdded(const SpecialTokens& added, absl::string_view text,
                             const std::vector<ByteSpan>& foreign, Rest rest, Work* work) {
  size_t at = 0;
  size_t from = 0;
  while (const auto match = added.Find(text, from, foreign)) {
    if (at < match->taken.begin) rest({at, match->taken.begin});
    work->tokens.push_back(match->token);
    at = match->taken.end;
    from = match->resume;
  }
  if (at < text.size()) rest({at, text.size()});
}

void BpeTokenizer::EncodeSegment(MarkedText segment, bool at_start, Work* work) const {
  vocabulary_.normalizer.Apply(&segment);
  const absl::string_view text = segment.text;
  const auto rest = [&](ByteSpan span) {
    EncodeNormalized(text.substr(span.begin, span.end - span.begin), at_start && span.begin == 0,
                     work);
  };
  TakeAdded(normalized_tokens_, text, segment.foreign, rest, work);
}

void BpeTokenizer::EncodeNormalized(absl::string_view text, bool at_start, Work* work) const {
  vocabulary_.pre_tokenizer.Run(text, at_start, [&](absl::string_view piece) {
    if (!cuts_before_spaces_) {
      EncodePiece(piece, work);
      return;
    }
    while (!piece.empty()) {
      const size_t length = std::min(NextWordStart(piece, 1), piece.size());
      EncodePiece(piece.substr(0, length), work);
      piece.remove_prefix(length);
    }
  });
}

void BpeTokenizer::EncodePiece(absl::string_view piece, Work* work) const {
  if (const auto whole = whole_pieces_.find(piece); whole != whole_pieces_.end()) {
    work->tokens.push_back(whole->second);
    return;
  }
  Merge(piece, work);
  work->tokens.insert(work->tokens.end(), work->word.begin(), work->word.end());
}

void BpeTokenizer::Merge(absl::string_view piece, Work* work) const {
  work->word.clear();
  symbols_.Append(piece, &work->word);
  merges_.Apply(&work->word, &work->merging);
}

std::string BpeTokenizer::Bytes(TokenId token, bool with_special) const {
  if (token < 0 || token >= vocabulary_size()) return {};
  return is_special_[token] && !with_special ? std::string() : bytes_[token];
}

std::string BpeTokenizer::OpeningBytes(TokenId token, bool with_special) const {
  std::string bytes = Bytes(token, with_special);
  switch (vocabulary_.decoding.opening) {
    case DecodeRules::Opening::kNothing:
      break;
    case DecodeRules::Opening::kOneSpace:
      if (!bytes.empty() && bytes[0] == ' ') bytes.erase(0, 1);
      break;
    case DecodeRules::Opening::kSpacesOfFirstToken:
      // Those that were visible ones: no others are in such a vocabulary.
      bytes.erase(std::remove(bytes.begin(), bytes.end(), ' '), bytes.end());
      break;
  }
  return bytes;
}

bool BpeTokenizer::IsSpecial(TokenId token) const {
  return token >= 0 && token < vocabulary_size() && is_special_[token];
}

}  // namespace steer
