#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/convert.h"
#include "server/convert_parts.h"

namespace steer {
namespace {

absl::StatusOr<SubspaceSize> ToSubspaceSize(const v1::ViewManifoldRequest& request) {
  SubspaceSize size;
  switch (request.subspace_case()) {
    case v1::ViewManifoldRequest::kComponents:
      size.components = request.components();
      if (*size.components >= 1) return size;
      return InvalidField("components", absl::StrCat(*size.components), "1 or more");
    case v1::ViewManifoldRequest::kExplainedShare:
      size.explained_share = request.explained_share();
      if (size.explained_share > 0 && size.explained_share < 1) return size;
      return InvalidField("explained_share", absl::StrCat(size.explained_share),
                          "above 0 and below 1");
    case v1::ViewManifoldRequest::SUBSPACE_NOT_SET:
      break;
  }
  return size;
}

}  // namespace

absl::StatusOr<ManifoldSpec> ToManifoldSpec(const v1::ViewManifoldRequest& request) {
  ManifoldSpec spec;
  STEER_RETURN_IF_ERROR(ReadQuestions(request, "", spec));
  STEER_ASSIGN_OR_RETURN(spec.control, ToVariedControl(request.control(), "control"));
  STEER_ASSIGN_OR_RETURN(spec.multipliers, ToMultipliers("multipliers", request.multipliers(), 1));
  if (!request.site().empty()) {
    STEER_ASSIGN_OR_RETURN(spec.site, ParseSite(request.site(), "site"));
  }
  STEER_ASSIGN_OR_RETURN(spec.size, ToSubspaceSize(request));
  if (!request.curve_id().empty()) STEER_RETURN_IF_ERROR(CheckId("curve_id", request.curve_id()));
  spec.curve_id = request.curve_id();
  return spec;
}

}  // namespace steer
