#include "core/runtime/manifold_reader.h"

#include <algorithm>

#include "ATen/ATen.h"
#include "core/base/catch_torch.h"
#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<ActivationMoments> ManifoldReader::Moments(
    const std::vector<ViewedPrompt>& prompts) const {
  ActivationMoments moments;
  const ControlSet plain = At(0);
  for (const ViewedPrompt& prompt : prompts) {
    FanOut fan_out(parts_.place.decoder, {prompt.text}, parts_.controls.set);
    STEER_RETURN_IF_ERROR(RunUnit([&]() -> absl::Status {
      STEER_RETURN_IF_ERROR(fan_out.RunShared());
      STEER_ASSIGN_OR_RETURN(const at::Tensor h, Read(fan_out, prompt, {&plain, 1}));
      moments.Add(h[0]);
      return absl::OkStatus();
    }));
    STEER_RETURN_IF_ERROR(parts_.on_prompt());
  }
  return moments;
}

absl::StatusOr<std::vector<std::vector<TokenShift>>> ManifoldReader::Shifts(
    const std::vector<ViewedPrompt>& prompts, std::span<const double> multipliers,
    const PrincipalSubspace& plane) const {
  std::vector<ControlSet> strengths;
  for (const double multiplier : multipliers) strengths.push_back(At(multiplier));
  std::vector<std::vector<TokenShift>> all(1 + strengths.size());
  for (const ViewedPrompt& prompt : prompts) {
    STEER_RETURN_IF_ERROR(AddShifts(prompt, strengths, plane, all));
    STEER_RETURN_IF_ERROR(parts_.on_prompt());
  }
  return all;
}

// The plain model runs beside the multipliers of every unit and is told once.
absl::Status ManifoldReader::AddShifts(const ViewedPrompt& prompt,
                                       std::span<const ControlSet> strengths,
                                       const PrincipalSubspace& plane,
                                       std::vector<std::vector<TokenShift>>& all) const {
  FanOut fan_out(parts_.place.decoder, {prompt.text}, parts_.controls.set);
  STEER_RETURN_IF_ERROR(RunUnit([&] { return fan_out.RunShared(); }));
  size_t begin = 0;
  do {
    const size_t count = std::min(strengths.size() - begin, StrengthsAtOnce(fan_out));
    std::vector<ControlSet> some = {At(0)};
    some.insert(some.end(), strengths.begin() + begin, strengths.begin() + begin + count);
    std::vector<std::vector<TokenShift>> shifts;
    STEER_RETURN_IF_ERROR(RunUnit([&]() -> absl::Status {
      STEER_ASSIGN_OR_RETURN(const at::Tensor h, Read(fan_out, prompt, some));
      shifts = ShiftsFrom(plane, h);
      return absl::OkStatus();
    }));
    for (size_t s = begin == 0 ? 0 : 1; s < shifts.size(); ++s) {
      std::vector<TokenShift>& own = all[s == 0 ? 0 : begin + s];
      own.insert(own.end(), shifts[s].begin(), shifts[s].end());
    }
    begin += count;
  } while (begin < strengths.size());
  return absl::OkStatus();
}

ControlSet ManifoldReader::At(double multiplier) const {
  return parts_.controls.Scaled(std::vector<double>(parts_.controls.set.size(), multiplier));
}

absl::StatusOr<at::Tensor> ManifoldReader::Read(FanOut& fan_out, const ViewedPrompt& prompt,
                                                std::span<const ControlSet> strengths) const {
  STEER_ASSIGN_OR_RETURN(const at::Tensor h, fan_out.RunTo(parts_.layer, strengths));
  // Nothing acts on the plain rows, so all positions that are looked at lie behind it.
  const at::Tensor rows = at::tensor(prompt.positions, at::dtype(at::kLong)) - fan_out.plain_rows();
  return h.index_select(1, rows.to(h.device()));  // [strength, position, hidden]
}

absl::Status ManifoldReader::RunUnit(const Engine::Unit& unit) const {
  if (parts_.cancelled()) return absl::CancelledError("viewing the manifold was cancelled");
  return parts_.place.pool->engine().RunUnit(
      [&unit] { return CatchTorch("reading activations", unit); });
}

// As many as a unit has room for beside the plain model; one while somebody waits for tokens of
// this device.
size_t ManifoldReader::StrengthsAtOnce(const FanOut& fan_out) const {
  if (parts_.place.pool->in_flight() > 0) return 1;
  const int strengths =
      (parts_.unit_rows - fan_out.plain_rows()) / std::max(1, fan_out.rows_per_strength());
  return static_cast<size_t>(std::max(1, strengths - 1));
}

}  // namespace steer
