#include "server/backend.h"

#include "server/convert.h"

namespace steer {

std::string Backend::LabelOf(const ResolvedControl& control) {
  if (!IsSpeltAsId(control.name)) return metrics->signal_labels().Use(control.name);
  const absl::StatusOr<SignalRecord> record = runtime.signals().Get(control.name);
  if (!record.ok() || record->aliases.empty()) return metrics->signal_labels().Use("");
  return metrics->signal_labels().Use(record->aliases.front());
}

}  // namespace steer
