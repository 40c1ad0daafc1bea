#include "core/signal/signal_kind.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_join.h"
#include "core/base/quoted.h"
#include "core/base/status.h"

namespace steer {
namespace {

// In the order of the enums.
constexpr std::array<absl::string_view, kSignalKinds> kKindNames = {
    "vector",          "lora",  "local_weight", "bottleneck", "feature_shift",
    "low_rank_affine", "clamp", "null_out",     "kv"};
constexpr std::array<absl::string_view, 2> kNonlinearityNames = {"identity", "silu"};

template <typename Value, typename Names>
absl::StatusOr<Value> Parse(const Names& names, absl::string_view text, absl::string_view field) {
  const auto* const found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return InvalidField(field, Quoted(text), absl::StrJoin(names, ", "));
  return static_cast<Value>(found - names.begin());
}

}  // namespace

absl::string_view Name(SignalKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

absl::StatusOr<SignalKind> ParseSignalKind(absl::string_view text, absl::string_view field) {
  return Parse<SignalKind>(kKindNames, text, field);
}

bool IsAffine(SignalKind kind) { return kind <= SignalKind::kLocalWeight; }

absl::string_view Name(Nonlinearity nonlinearity) {
  return kNonlinearityNames[static_cast<size_t>(nonlinearity)];
}

absl::StatusOr<Nonlinearity> ParseNonlinearity(absl::string_view text, absl::string_view field) {
  return Parse<Nonlinearity>(kNonlinearityNames, text, field);
}

}  // namespace steer
