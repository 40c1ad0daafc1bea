#include "core/runtime/control_resolver.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/check.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr int kMaxControls = 64;

absl::Status AddChanges(const ControlSpec& spec, SignalKind kind, const std::string& field,
                        ControlEntry& entry) {
  int last = 0;
  for (size_t i = 0; i < spec.changes.size(); ++i) {
    const MultiplierRun& change = spec.changes[i];
    const std::string name = absl::StrCat(field, ".changes[", i, "]");
    if (change.position <= last) {
      return InvalidField(name + ".position", absl::StrCat(change.position),
                          absl::StrCat("above ", last));
    }
    last = change.position;
    STEER_RETURN_IF_ERROR(CheckMultipliers(kind, change.m1, change.m2, name + "."));
    SetMultipliers(entry, change.position, change.m1, change.m2);
  }
  return absl::OkStatus();
}

}  // namespace

ControlSet PreparedControls::Scaled(std::span<const double> factors) const {
  STEER_CHECK(factors.size() == set.size());
  ControlSet scaled = set;
  for (size_t i = 0; i < scaled.size(); ++i) {
    for (MultiplierRun& run : scaled[i].multipliers) {
      run.m1 *= factors[i];
      run.m2 *= factors[i];
    }
  }
  return scaled;
}

void PreparedControls::SetMultiplier(size_t control, double multiplier) {
  set[control].multipliers = {{.m1 = multiplier, .m2 = multiplier}};
  resolved[control].m1 = multiplier;
  resolved[control].m2 = multiplier;
}

absl::Status CheckMultiplier(double m, const std::string& field) {
  if (std::isfinite(m) && std::abs(m) <= kMaxMultiplier) return absl::OkStatus();
  return InvalidField(
      field, absl::StrFormat("%.15g", m),
      absl::StrFormat("a finite number from %.15g to %.15g", -kMaxMultiplier, kMaxMultiplier));
}

absl::Status CheckMultipliers(SignalKind kind, double m1, double m2, const std::string& prefix) {
  STEER_RETURN_IF_ERROR(CheckMultiplier(m1, prefix + "multiplier"));
  STEER_RETURN_IF_ERROR(CheckMultiplier(m2, prefix + "bias_multiplier"));
  if (IsAffine(kind) || m1 == m2) return absl::OkStatus();
  return InvalidField(
      prefix + "bias_multiplier", absl::StrFormat("%.15g beside a multiplier of %.15g", m2, m1),
      absl::StrCat("none, or the multiplier again: a ", Name(kind), " has no bias part"));
}

absl::Status CheckFactor(const PreparedControls& controls, double factor,
                         const std::string& field) {
  STEER_RETURN_IF_ERROR(CheckMultiplier(factor, field));
  for (const ControlEntry& entry : controls.set) {
    for (const MultiplierRun& run : entry.multipliers) {
      const double largest = std::max(std::abs(run.m1), std::abs(run.m2));
      STEER_RETURN_IF_ERROR(CheckMultiplier(largest * factor, field + " times the control's own"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<ControlEntry> ControlResolver::ResolveOne(const ControlSpec& spec,
                                                         const std::string& field,
                                                         ResolvedControl& resolved) const {
  absl::StatusOr<SignalRecord> found = store_->Get(spec.signal);
  if (absl::IsNotFound(found.status())) return NotFound(field + ".signal", "signal", spec.signal);
  STEER_ASSIGN_OR_RETURN(const SignalRecord record, std::move(found));
  if (!record.marks.shape.empty() && record.marks.shape != marks_.shape) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"OTHER_MODEL", field + ".signal",
         absl::StrCat("'", spec.signal, "', made for model shape ", record.marks.shape),
         absl::StrCat("a signal made for shape ", marks_.shape)});
  }
  const bool other_weights =
      !record.marks.weights.empty() && record.marks.weights != marks_.weights;
  if (other_weights && !spec.allow_other_weights) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"OTHER_WEIGHTS", field + ".signal",
         absl::StrCat("'", spec.signal, "', made for weights ", record.marks.weights),
         absl::StrCat("a signal made for weights ", marks_.weights, ", or allow_other_weights")});
  }
  ControlEntry entry;
  entry.signal_id = record.id;
  entry.kind = record.kind;
  MultiplierRun first;
  first.m1 = spec.multiplier.value_or(record.default_multiplier);
  first.m2 = spec.bias_multiplier.value_or(first.m1);
  STEER_RETURN_IF_ERROR(CheckMultipliers(record.kind, first.m1, first.m2, field + "."));
  entry.multipliers = {first};
  STEER_RETURN_IF_ERROR(AddChanges(spec, record.kind, field, entry));
  entry.positions = spec.positions.value_or(record.default_positions);
  STEER_RETURN_IF_ERROR(Validate(entry.positions, field + ".positions"));
  resolved = {.name = spec.signal,
              .signal_id = record.id,
              .kind = record.kind,
              .m1 = first.m1,
              .m2 = first.m2,
              .positions = entry.positions,
              .sites = record.sites,
              .other_weights = other_weights};
  return entry;
}

absl::Status CheckSelection(const PositionRule& rule, const PromptLayout& layout,
                            absl::string_view field, absl::string_view of) {
  // Up to the first generated token: where that is selected, so are all that follow.
  if (CountSelected(rule, layout, 0, std::max(layout.prompt_length, layout.head_length + 1)) > 0)
    return absl::OkStatus();
  return InvalidField(field, absl::StrCat("a rule that selects no token of ", of),
                      rule.user_text_only ? "a rule that selects some; user_text_only needs a chat"
                                          : "a rule that selects some");
}

absl::Status CheckSelections(const PreparedControls& controls, const PromptLayout& layout,
                             const std::string& of) {
  for (size_t i = 0; i < controls.set.size(); ++i) {
    const ControlEntry& entry = controls.set[i];
    const std::string field = absl::StrCat("controls[", i, "].positions");
    STEER_RETURN_IF_ERROR(CheckSelection(entry.positions, layout, field, of));
    if (entry.kind == SignalKind::kKv && LastOfPrompt(entry.positions, layout) < 0) {
      return InvalidField(field, absl::StrCat("none before the last prompt token of ", of),
                          "a rule that selects some there: a kv signal acts on a token of the "
                          "prompt that later ones of it see");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedControls> ControlResolver::Resolve(
    const std::vector<ControlSpec>& specs) const {
  if (static_cast<int>(specs.size()) > kMaxControls) {
    return InvalidField("controls", absl::StrCat(specs.size(), " signals"),
                        absl::StrCat("up to ", kMaxControls));
  }
  PreparedControls controls;
  std::set<std::string> seen;
  for (size_t i = 0; i < specs.size(); ++i) {
    const std::string field = absl::StrCat("controls[", i, "]");
    ResolvedControl resolved;
    STEER_ASSIGN_OR_RETURN(ControlEntry entry, ResolveOne(specs[i], field, resolved));
    if (!seen.insert(resolved.signal_id).second) {
      return InvalidField(field + ".signal", absl::StrCat("'", specs[i].signal, "' a second time"),
                          "each signal once; add the multipliers up");
    }
    controls.set.push_back(std::move(entry));
    controls.resolved.push_back(std::move(resolved));
  }
  return controls;
}

}  // namespace steer
