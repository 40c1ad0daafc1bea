#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// What a signal does to a row at its site; tensors are named as in SiteUpdate.
enum class SignalKind : uint8_t {
  // The paper's three carriers of one affine update, dh = m1 dW x + m2 db (section 1, "unified
  // view"), x being what the site reads.
  kVector,       // db = v alone
  kLora,         // dW = B A, optional db
  kLocalWeight,  // dense dW, optional db
  // Those that read what they change, dh = m1 f(h), and stand at `block_out` only.
  kBottleneck,     // f = U phi(D h + e) + b, phi being the signal's nonlinearity
  kFeatureShift,   // f = (relu(g + v) - g) W_dec, g an autoencoder's features of h, v their shift
  kLowRankAffine,  // f = R^T (W h + b - R h), R with orthonormal rows
  kClamp,          // f = W^T (a - W h), W with orthonormal rows; a = 0 takes directions out
  kNullOut,        // f = -relu(w.h + b) / |w|^2 w
  // Acts once, at one prompt position, and stands at `kv` only: what later positions see of its
  // keys and values is k + m1 S_k, v + m1 S_v.
  kKv,
};
inline constexpr int kSignalKinds = 9;

absl::string_view Name(SignalKind kind);  // "vector", "low_rank_affine", ...
absl::StatusOr<SignalKind> ParseSignalKind(absl::string_view text, absl::string_view field);
// Whether the kind is one of the three affine ones. The others have no bias part of their own: m1
// scales all that they do.
bool IsAffine(SignalKind kind);

enum class Nonlinearity : uint8_t { kIdentity, kSilu };
absl::string_view Name(Nonlinearity nonlinearity);  // "identity", "silu"
absl::StatusOr<Nonlinearity> ParseNonlinearity(absl::string_view text, absl::string_view field);

}  // namespace steer
