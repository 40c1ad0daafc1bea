#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/host_tensor.h"
#include "core/signal/positions.h"
#include "core/signal/site.h"

namespace steer {

// The paper's three carriers of one update, dh = m1 dW h + m2 db (paper section 1, "unified view").
enum class SignalKind : uint8_t {
  kVector,       // db = v alone
  kLora,         // dW = B A, optional db
  kLocalWeight,  // dense dW, optional db
};
absl::string_view Name(SignalKind kind);  // "vector", "lora", "local_weight"
absl::StatusOr<SignalKind> ParseSignalKind(absl::string_view text, absl::string_view field);

// What a signal does at one site. Tensors are F32 and named:
//   vector        v [out]
//   lora          A [rank, in], B [out, rank], optional db [out]
//   local_weight  dW [out, in], optional db [out]
struct SiteUpdate {
  Site site;
  Read read =
      Read::kSiteInput;  // at block_out a weight delta must name one; a vector reads nothing
  std::map<std::string, HostTensor> tensors;
};

// Two marks that bind a signal to a model; empty means unmarked.
struct ModelMarks {
  std::string shape;  // hash of family, layers, widths and tokenizer: must match
  std::string
      weights;  // hash of the source tensors: must match unless the caller allows other weights
};

// A control signal as data: immutable once it has an id, and without a multiplier of its own.
struct SignalData {
  SignalKind kind = SignalKind::kVector;
  std::vector<SiteUpdate> updates;  // sorted by site, each site once
  ModelMarks marks;
  // Used where a request leaves them out. Part of the identity: they change what a name does.
  double default_multiplier = 1.0;
  PositionRule default_positions;
};

// Largest |multiplier| a signal or a request may carry.
inline constexpr double kMaxMultiplier = 1e6;

// The tensors one site of this kind may have: the required ones, then the optional ones.
std::vector<std::string> TensorNames(SignalKind kind);

// INVALID_ARGUMENT, naming the site, if the model has no such place or a signal of this kind cannot
// stand or read there.
absl::Status CheckPlace(SignalKind kind, Site site, Read read, const ModelShape& shape);

// INVALID_ARGUMENT, naming the tensor, if a tensor is missing, unknown, of the wrong shape for
// `shape`, not F32 or not finite, if there is no site, a site is repeated or a layer does not
// exist, if `read` does not belong to the site, or if a default or a mark is out of range.
absl::Status Validate(const SignalData& signal, const ModelShape& shape);

// The identity: SHA-256, 64 hex digits, of the canonical form (kind, sites, reads, tensors, marks,
// defaults), whatever the order of `updates`. Labels and other annotations are not part of it.
std::string SignalId(const SignalData& signal);

// Bytes of all tensors.
int64_t TensorBytes(const SignalData& signal);

}  // namespace steer
