#include "client/steerctl/curve_output.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/curve_svg.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/map_svg.h"
#include "client/steerctl/output_file.h"
#include "client/steerctl/positions_text.h"
#include "client/steerctl/session.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr size_t kShownDigits = 12;  // of an id

absl::Status WritePicture(const std::string& svg, const std::string& path) {
  STEER_RETURN_IF_ERROR(ReplaceFile(path, svg));
  ShowNote(absl::StrCat("drawn: ", path));
  return absl::OkStatus();
}

}  // namespace

std::string NameOfSignal(Client& client, const std::string& signal_id) {
  const absl::StatusOr<v1::Signal> signal = client.GetSignal(signal_id);
  return signal.ok() && !signal->aliases().empty() ? signal->aliases(0) : "";
}

SignalLabel LabelOf(Client& client, const std::string& signal_id, const std::string& given) {
  const absl::StatusOr<v1::Signal> signal = client.GetSignal(signal_id);
  const bool aliased = signal.ok() && !signal->aliases().empty();
  const std::string known = aliased ? signal->aliases(0) : signal_id.substr(0, kShownDigits);
  return {given.empty() || given == signal_id ? known : given,
          signal.ok() ? SitesText(signal->sites()) : ""};
}

absl::Status WriteSvg(const CurvePlot& plot, const std::string& path) {
  return path.empty() ? absl::OkStatus() : WritePicture(CurveSvg(plot), path);
}

absl::Status WriteSvg(const MapPlot& plot, const std::string& path) {
  return path.empty() ? absl::OkStatus() : WritePicture(MapSvg(plot), path);
}

void ShowFit(const v1::FitCurveResponse& fit, v1::LossMode mode, bool beside) {
  const std::string text = FitText(fit, mode);
  if (beside) {
    ShowNote(std::string(absl::StripSuffix(text, "\n")), /*always=*/true);
  } else {
    Print(text);
  }
}

}  // namespace steer
