#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// The places of a decoder block where a signal may act. Layers are 0-based; `block_out` of layer l
// is the residual stream after the block's last residual add, which transformers calls
// hidden_states[l + 1] (for all but the last layer).
enum class SiteKind : uint8_t {
  kQProj,
  kKProj,
  kVProj,
  kOProj,
  kGateProj,
  kUpProj,
  kDownProj,  // outputs of the seven linears
  kBlockOut,
  kKv,  // a position's keys, before they turn, and values, as later positions see them
};
inline constexpr int kSiteKinds = 9;

// Where a weight delta reads its input. kSiteInput is the input of the site's own linear. The
// others are for `block_out`, which has no linear: `mlp_mid` is act(gate(x)) * up(x), what
// down_proj reads; `block_out` is the residual stream there, with what has acted on it before.
enum class Read : uint8_t { kSiteInput, kBlockIn, kAttnIn, kMlpIn, kMlpMid, kBlockOut };

struct Site {
  int layer = 0;
  SiteKind kind = SiteKind::kBlockOut;
  auto operator<=>(const Site&) const = default;
};

absl::string_view Name(SiteKind kind);  // "down_proj"
absl::string_view Name(Read read);      // "mlp_mid"; "input" for kSiteInput
std::string ToString(Site site);        // "layers.20.down_proj"

// INVALID_ARGUMENT names `field`, what came and the allowed spellings. Whether the model has that
// layer is not asked here.
absl::StatusOr<Site> ParseSite(absl::string_view text, absl::string_view field);
absl::StatusOr<Read> ParseRead(absl::string_view text, absl::string_view field);

// Widths of one place.
struct SiteDims {
  int64_t in = 0;   // of the site's linear; 0 at block_out and kv
  int64_t out = 0;  // of what the signal is added to; at kv of the keys, and of the values
};

// The numbers of a model that decide whether a signal fits.
struct ModelShape {
  int layers = 0;
  int64_t hidden = 0;    // residual width
  int64_t ffn = 0;       // width of mlp_mid
  int64_t q_width = 0;   // heads * head_dim
  int64_t kv_width = 0;  // kv_heads * head_dim
  int64_t kv_heads = 1;

  SiteDims Dims(SiteKind kind) const;
  // Width of what is read: of the site's own input, or of the named place.
  int64_t ReadWidth(SiteKind kind, Read read) const;
};

}  // namespace steer
