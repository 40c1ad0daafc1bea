#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/host_tensor.h"
#include "core/signal/positions.h"
#include "core/signal/signal_kind.h"
#include "core/signal/site.h"

namespace steer {

// What a signal does at one site. Tensors are F32 and named:
//   vector        v [out]
//   lora          A [rank, in], B [out, rank], optional db [out]
//   local_weight  dW [out, in], optional db [out]
//   bottleneck    D [rank, hidden], U [hidden, rank], optional e [rank], b [hidden]; a factor alpha
//                 is part of U and b
//   feature_shift W_enc, W_dec, W_a [features, hidden], b_enc, b_a, tau [features], tau >= 0;
//                 optional threshold [features]: a feature below it is 0
//   low_rank_affine R [rank, hidden] orthonormal, W [rank, hidden], optional b [rank]
//   clamp         W [rank, hidden] orthonormal, a [rank]: a target factor k is part of a
//   null_out      w [hidden], not 0, optional b [1]
//   kv            S_k, S_v [kv_heads, head_dim], at least one; S_k as keys are before they turn
//                 (behind their norm); factors of the two are part of them
struct SiteUpdate {
  Site site;
  // At block_out a LoRA and a local weight must name one; the other kinds there read what they
  // change, or nothing.
  Read read = Read::kSiteInput;
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
  Nonlinearity nonlinearity = Nonlinearity::kIdentity;  // of a bottleneck
  std::vector<SiteUpdate> updates;                      // sorted by site, each site once
  ModelMarks marks;
  // Used where a request leaves them out. Part of the identity: they change what a name does.
  double default_multiplier = 1.0;
  PositionRule default_positions;
};

// Largest |multiplier| a signal or a request may carry.
inline constexpr double kMaxMultiplier = 1e6;

// INVALID_ARGUMENT, naming the site, if the model has no such place or a signal of this kind cannot
// stand or read there.
absl::Status CheckPlace(SignalKind kind, Site site, Read read, const ModelShape& shape);

// INVALID_ARGUMENT, naming the tensor, if one is not what its kind demands (see CheckTensors), if
// there is no site, a site is repeated or a layer does not exist, if `read` does not belong to the
// site, or if the nonlinearity, a default or a mark is out of range. A kv signal's default
// positions must include the prompt.
absl::Status Validate(const SignalData& signal, const ModelShape& shape);

// The identity: SHA-256, 64 hex digits, of the canonical form (kind, sites, reads, tensors, marks,
// defaults, a bottleneck's nonlinearity), whatever the order of `updates`. Labels and other
// annotations are not part of it.
std::string SignalId(const SignalData& signal);

// Bytes of all tensors.
int64_t TensorBytes(const SignalData& signal);

}  // namespace steer
