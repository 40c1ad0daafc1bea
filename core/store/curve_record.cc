#include "core/store/curve_record.h"

#include <bit>
#include <cmath>
#include <span>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "core/base/canonical_form.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// What is hashed, and stored, are the numbers as they lie in memory.
static_assert(std::endian::native == std::endian::little);
static_assert(std::is_trivially_copyable_v<CurveLosses>);
static_assert(sizeof(CurveLosses) == 4 * sizeof(double));

absl::Status ValidateMultipliers(const std::string& field, const std::vector<double>& multipliers) {
  if (multipliers.empty()) return InvalidField(field, "none", "at least one");
  for (size_t i = 0; i < multipliers.size(); ++i) {
    if (!std::isfinite(multipliers[i]) || (i > 0 && multipliers[i] <= multipliers[i - 1])) {
      return InvalidField(absl::StrCat(field, "[", i, "]"), absl::StrCat(multipliers[i]),
                          "a finite number above the one before");
    }
  }
  return absl::OkStatus();
}

bool IsFinite(const CurveLosses& losses) {
  return std::isfinite(losses.positive_sum) && std::isfinite(losses.negative_sum) &&
         std::isfinite(losses.positive_mean) && std::isfinite(losses.negative_mean);
}

void AddPositions(const PositionRule& rule, CanonicalForm& form) {
  for (const bool flag :
       {rule.prompt, rule.generated, rule.exclude_template_head, rule.user_text_only}) {
    form.Flag(flag);
  }
}

}  // namespace

std::string CurveId(const CurveRecord& curve) {
  CanonicalForm form;
  form.Text("dose-curve/1");
  form.Text(curve.signal_id);
  AddPositions(curve.positions, form);
  form.Text(curve.model_fingerprint);
  form.Text(curve.pairs_sha256);
  form.Text(curve.system);
  for (const bool flag : {curve.end_of_turn, curve.raw, curve.both_spellings}) {
    form.Flag(flag);
  }
  form.Bytes(std::as_bytes(std::span(curve.multipliers)));
  form.Number(static_cast<uint64_t>(curve.pairs));
  form.Bytes(std::as_bytes(std::span(curve.losses)));
  if (curve.second) {
    form.Text(curve.second->signal_id);
    AddPositions(curve.second->positions, form);
    form.Bytes(std::as_bytes(std::span(curve.second->multipliers)));
  }
  return form.Digest();
}

absl::Status ValidateCurve(const CurveRecord& curve) {
  STEER_RETURN_IF_ERROR(ValidateMultipliers("multipliers", curve.multipliers));
  if (curve.second) {
    STEER_RETURN_IF_ERROR(ValidateMultipliers("second.multipliers", curve.second->multipliers));
  }
  if (curve.pairs < 1) return InvalidField("pairs", absl::StrCat(curve.pairs), "at least 1");
  const size_t expected = curve.points() * static_cast<size_t>(curve.pairs);
  if (expected > static_cast<size_t>(kMaxCurveLosses)) {
    return InvalidField("losses",
                        absl::StrCat(curve.points(), " multipliers x ", curve.pairs, " pairs"),
                        absl::StrCat("a product of at most ", kMaxCurveLosses));
  }
  if (curve.losses.size() != expected) {
    return InvalidField("losses", absl::StrCat(curve.losses.size(), " entries"),
                        absl::StrCat(expected, ", one for each multiplier and pair"));
  }
  const size_t pairs = static_cast<size_t>(curve.pairs);
  for (size_t i = 0; i < expected; ++i) {
    const CurveLosses& losses = curve.losses[i];
    if (IsFinite(losses)) continue;
    return InvalidField(
        absl::StrCat("losses[", i / pairs, "][", i % pairs, "]"),
        absl::StrCat("sums ", losses.positive_sum, " and ", losses.negative_sum, ", means ",
                     losses.positive_mean, " and ", losses.negative_mean),
        "finite numbers");
  }
  return absl::OkStatus();
}

absl::Status CurveDamaged(absl::string_view id, absl::string_view what) {
  return FieldError(absl::StatusCode::kDataLoss,
                    {"CURVE_DAMAGED", "curve_id", absl::StrCat(Quoted(id), ", whose ", what),
                     "the curve it was stored as; storing that again repairs it"});
}

}  // namespace steer
