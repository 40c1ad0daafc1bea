#include "core/learn/early_stop.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace steer {
namespace {

constexpr int kMost = 1000000;

}  // namespace

absl::Status Validate(const EarlyStopParams& params) {
  if (params.every < 0 || params.every > kMost)
    return InvalidField("held_out_every", absl::StrCat(params.every), absl::StrCat("0..", kMost));
  if (params.patience < 0 || params.patience > kMost)
    return InvalidField("patience", absl::StrCat(params.patience), absl::StrCat("0..", kMost));
  return absl::OkStatus();
}

bool EarlyStop::Note(const HeldOutReport& report) {
  // A NaN is never lower.
  if (best_ && !(report.loss < best_->loss)) {
    ++looks_since_;
    return false;
  }
  best_ = report;
  looks_since_ = 0;
  return true;
}

}  // namespace steer
