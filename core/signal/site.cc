#include "core/signal/site.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/quoted.h"
#include "core/base/status.h"

namespace steer {
namespace {

// In the order of the enums.
constexpr std::array<absl::string_view, kSiteKinds> kSiteNames = {
    "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "block_out", "kv"};
constexpr std::array<absl::string_view, 6> kReadNames = {"input",  "block_in", "attn_in",
                                                         "mlp_in", "mlp_mid",  "block_out"};
constexpr absl::string_view kLayerPrefix = "layers.";
constexpr size_t kLayerDigits = 6;

template <typename Names>
std::optional<size_t> IndexOf(const Names& names, absl::string_view text) {
  const auto* const it = std::find(names.begin(), names.end(), text);
  if (it == names.end()) return std::nullopt;
  return static_cast<size_t>(it - names.begin());
}

// A site has one spelling: no sign, no space, no leading zero.
std::optional<int> ParseLayer(absl::string_view digits) {
  if (digits.empty() || digits.size() > kLayerDigits) return std::nullopt;
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) return std::nullopt;
  int layer = 0;
  if (!absl::SimpleAtoi(digits, &layer)) return std::nullopt;
  return layer;
}

std::optional<Site> ReadSite(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kLayerPrefix)) return std::nullopt;
  const size_t dot = text.find('.');
  if (dot == absl::string_view::npos) return std::nullopt;
  const std::optional<int> layer = ParseLayer(text.substr(0, dot));
  const std::optional<size_t> kind = IndexOf(kSiteNames, text.substr(dot + 1));
  if (!layer || !kind) return std::nullopt;
  return Site{*layer, static_cast<SiteKind>(*kind)};
}

}  // namespace

absl::string_view Name(SiteKind kind) { return kSiteNames[static_cast<size_t>(kind)]; }

absl::string_view Name(Read read) { return kReadNames[static_cast<size_t>(read)]; }

std::string ToString(Site site) {
  return absl::StrCat(kLayerPrefix, site.layer, ".", Name(site.kind));
}

absl::StatusOr<Site> ParseSite(absl::string_view text, absl::string_view field) {
  const std::optional<Site> site = ReadSite(text);
  if (!site) {
    return InvalidField(field, Quoted(text),
                        absl::StrCat("layers.<layer>.<place> with a 0-based layer and a place of ",
                                     absl::StrJoin(kSiteNames, ", ")));
  }
  return *site;
}

absl::StatusOr<Read> ParseRead(absl::string_view text, absl::string_view field) {
  const std::optional<size_t> read = IndexOf(kReadNames, text);
  if (!read) return InvalidField(field, Quoted(text), absl::StrJoin(kReadNames, ", "));
  return static_cast<Read>(*read);
}

SiteDims ModelShape::Dims(SiteKind kind) const {
  switch (kind) {
    case SiteKind::kQProj:
      return {hidden, q_width};
    case SiteKind::kKProj:
    case SiteKind::kVProj:
      return {hidden, kv_width};
    case SiteKind::kOProj:
      return {q_width, hidden};
    case SiteKind::kGateProj:
    case SiteKind::kUpProj:
      return {hidden, ffn};
    case SiteKind::kDownProj:
      return {ffn, hidden};
    case SiteKind::kBlockOut:
      return {0, hidden};
    case SiteKind::kKv:
      return {0, kv_width};
  }
  return {};
}

int64_t ModelShape::ReadWidth(SiteKind kind, Read read) const {
  switch (read) {
    case Read::kSiteInput:
      return Dims(kind).in;
    case Read::kBlockIn:
    case Read::kAttnIn:
    case Read::kMlpIn:
    case Read::kBlockOut:
      return hidden;
    case Read::kMlpMid:
      return ffn;
  }
  return 0;
}

}  // namespace steer
