#include "core/learn/extraction_params.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {
namespace {

// Beyond them a regression is lost in rounding.
constexpr double kLeastL2 = 1e-6, kMostL2 = 1e6;

constexpr int kMostAttributed = 1000;

constexpr double kMostKeyFactor = 1000;

// A kv difference is what it is, read where both answers are.
absl::Status CheckKvDifference(const KvDifferenceParams& kv, const ExtractionParams& params) {
  if (!(kv.key_factor >= 0 && kv.key_factor <= kMostKeyFactor)) {
    return InvalidField("kv_difference.key_factor", absl::StrCat(kv.key_factor),
                        absl::StrCat("0..", kMostKeyFactor));
  }
  if (params.normalisation != Normalisation::kNone)
    return InvalidField("normalisation", "one of a kv_difference", "none for it");
  if (params.attribution)
    return InvalidField("attribution", "one of a kv_difference", "none for it");
  return absl::OkStatus();
}

}  // namespace

absl::string_view Name(const ExtractionMethod& method) {
  constexpr absl::string_view kNames[] = {"difference_of_means", "principal_component",
                                          "linear_probe", "feature_selection", "kv_difference"};
  static_assert(std::size(kNames) == std::variant_size_v<ExtractionMethod>);
  return kNames[method.index()];
}

absl::Status Validate(const ExtractionParams& params) {
  const auto* const probe = std::get_if<LinearProbeParams>(&params.method);
  if (probe != nullptr && !(probe->l2 >= kLeastL2 && probe->l2 <= kMostL2)) {
    return InvalidField("linear_probe.l2", absl::StrCat(probe->l2),
                        absl::StrCat(kLeastL2, "..", kMostL2));
  }
  if (const auto* const kv = std::get_if<KvDifferenceParams>(&params.method))
    return CheckKvDifference(*kv, params);
  if (const auto* const selection = std::get_if<FeatureSelectionParams>(&params.method)) {
    if (!(selection->trim >= 0 && selection->trim < 1)) {
      return InvalidField("feature_selection.trim", absl::StrCat(selection->trim),
                          "at least 0 and below 1");
    }
    const SignalData* const signal = selection->autoencoder.get();
    if (signal == nullptr || signal->kind != SignalKind::kFeatureShift ||
        signal->updates.size() != 1) {
      return InvalidField("feature_selection.autoencoder",
                          signal == nullptr ? "none"
                                            : absl::StrCat("a ", Name(signal->kind), " at ",
                                                           signal->updates.size(), " sites"),
                          "a feature_shift at one site");
    }
  }
  if (!params.attribution) return absl::OkStatus();
  for (const auto& [name, count] : {std::pair("attribution.tokens", params.attribution->tokens),
                                    std::pair("attribution.steps", params.attribution->steps)}) {
    if (count < 1 || count > kMostAttributed)
      return InvalidField(name, absl::StrCat(count), absl::StrCat("1..", kMostAttributed));
  }
  return absl::OkStatus();
}

}  // namespace steer
