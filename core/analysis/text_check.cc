#include "core/analysis/text_check.h"

#include "core/base/status_macros.h"

namespace steer {

absl::StatusOr<TextCheck> CheckOnText(double multiplier, double max_increase,
                                      const std::function<absl::StatusOr<double>(double)>& nll) {
  TextCheck check;
  check.first_multiplier = multiplier;
  STEER_ASSIGN_OR_RETURN(check.plain_nll, nll(0));
  check.steered_nll = check.plain_nll;
  if (multiplier == 0) {
    check.passed = true;
    return check;
  }
  for (double m = multiplier; check.tried < kMostTried; m *= kShrink) {
    ++check.tried;
    STEER_ASSIGN_OR_RETURN(const double steered, nll(m));
    // Written so that NaN fails.
    if (!(steered - check.plain_nll <= max_increase)) continue;
    check.passed = true;
    check.multiplier = m;
    check.steered_nll = steered;
    return check;
  }
  return check;
}

}  // namespace steer
