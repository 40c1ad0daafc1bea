#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

constexpr int kMinGridPoints = 5;
constexpr int kMinInitial = 3;

absl::StatusOr<AdaptiveGrid> ToAdaptiveGrid(const v1::AdaptiveGrid& in) {
  AdaptiveGrid grid;
  STEER_RETURN_IF_ERROR(CheckFinite("adaptive.low", in.low()));
  STEER_RETURN_IF_ERROR(CheckFinite("adaptive.high", in.high()));
  if (!(in.low() < in.high())) {
    return InvalidField("adaptive.high", absl::StrCat(in.high()),
                        absl::StrCat("above adaptive.low, which is ", in.low()));
  }
  grid.low = in.low();
  grid.high = in.high();
  if (in.points() != 0) grid.points = in.points();
  STEER_RETURN_IF_ERROR(CheckRange("adaptive.points", grid.points, kMinGridPoints, kMaxMultipliers,
                                   absl::StrCat(", or 0 for ", AdaptiveGrid().points)));
  grid.initial = in.initial() != 0 ? in.initial() : std::min(grid.initial, grid.points - 1);
  STEER_RETURN_IF_ERROR(CheckRange("adaptive.initial", grid.initial, kMinInitial, grid.points - 1,
                                   absl::StrCat(", or 0 for ", AdaptiveGrid().initial)));
  return grid;
}

absl::StatusOr<std::vector<double>> ToGrid(const std::string& field, const v1::MultiplierGrid& in) {
  STEER_ASSIGN_OR_RETURN(std::vector<double> values, ToMultipliers(field, in.values(), 2));
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return values;
  return InvalidField(field, absl::StrCat(*twice, " twice"), "each multiplier once");
}

absl::Status ReadGrid(const v1::SweepRequest& request, SweepSpec& spec) {
  switch (request.grid_case()) {
    case v1::SweepRequest::kMultipliers: {
      STEER_ASSIGN_OR_RETURN(spec.grid, ToGrid("multipliers.values", request.multipliers()));
      return absl::OkStatus();
    }
    case v1::SweepRequest::kAdaptive: {
      STEER_ASSIGN_OR_RETURN(spec.grid, ToAdaptiveGrid(request.adaptive()));
      return absl::OkStatus();
    }
    case v1::SweepRequest::GRID_NOT_SET:
      break;
  }
  return InvalidField("grid", "nothing", "multipliers or adaptive");
}

absl::Status CheckHasZero(const std::string& field, const std::vector<double>& multipliers) {
  if (std::find(multipliers.begin(), multipliers.end(), 0) != multipliers.end())
    return absl::OkStatus();
  return InvalidField(field, "no 0", "0 among them: gains and losses are told against it");
}

absl::Status ReadSecond(const v1::SecondAxis& second, SweepSpec& spec) {
  const auto* const first = std::get_if<std::vector<double>>(&spec.grid);
  if (first == nullptr) {
    return InvalidField("adaptive", "an adaptive grid for two signals", "multipliers");
  }
  spec.second.emplace();
  STEER_ASSIGN_OR_RETURN(spec.second->control, ToVariedControl(second.control(), "second.control"));
  STEER_ASSIGN_OR_RETURN(spec.second->multipliers,
                         ToGrid("second.multipliers.values", second.multipliers()));
  STEER_RETURN_IF_ERROR(CheckHasZero("multipliers.values", *first));
  STEER_RETURN_IF_ERROR(CheckHasZero("second.multipliers.values", spec.second->multipliers));
  const size_t points = first->size() * spec.second->multipliers.size();
  if (points <= static_cast<size_t>(kMaxMultipliers)) return absl::OkStatus();
  return InvalidField("second.multipliers.values", absl::StrCat(points, " points in all"),
                      absl::StrCat("up to ", kMaxMultipliers));
}

}  // namespace

absl::StatusOr<std::vector<SweepSpec>> ToSweepSpecs(const v1::SweepRequest& request) {
  SweepSpec spec;
  STEER_RETURN_IF_ERROR(ReadPairSet(request, spec));
  // A bootstrap over pairs needs some.
  STEER_RETURN_IF_ERROR(CheckCount("pairs", request.pairs_size(), 2, kMaxPairs));
  STEER_RETURN_IF_ERROR(ReadGrid(request, spec));
  std::vector<SweepSpec> specs;
  if (request.family_size() == 0) {
    STEER_ASSIGN_OR_RETURN(spec.control, ToVariedControl(request.control(), "control"));
    if (request.has_second()) STEER_RETURN_IF_ERROR(ReadSecond(request.second(), spec));
    specs.push_back(std::move(spec));
    return specs;
  }
  STEER_RETURN_IF_ERROR(CheckCount("family", request.family_size(), 1, kMaxControlSets));
  if (request.has_control() || request.has_second()) {
    return InvalidField("family", "a family beside control or second", "one of them");
  }
  for (int i = 0; i < request.family_size(); ++i) {
    STEER_ASSIGN_OR_RETURN(spec.control,
                           ToVariedControl(request.family(i), absl::StrCat("family[", i, "]")));
    specs.push_back(spec);
  }
  return specs;
}

}  // namespace steer
