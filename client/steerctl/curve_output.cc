#include "client/steerctl/curve_output.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/steerctl/answer.h"
#include "client/steerctl/curve_svg.h"
#include "client/steerctl/curve_text.h"
#include "client/steerctl/output_file.h"
#include "client/steerctl/session.h"
#include "core/base/status_macros.h"

namespace steer {

std::string NameOfSignal(Client& client, const std::string& signal_id) {
  const absl::StatusOr<v1::Signal> signal = client.GetSignal(signal_id);
  return signal.ok() && !signal->aliases().empty() ? signal->aliases(0) : "";
}

absl::Status WriteSvg(const CurvePlot& plot, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  STEER_RETURN_IF_ERROR(ReplaceFile(path, CurveSvg(plot)));
  ShowNote(absl::StrCat("drawn: ", path));
  return absl::OkStatus();
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
