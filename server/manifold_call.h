#pragma once

#include "absl/status/status.h"
#include "server/backend.h"
#include "server/worker_stream.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// ViewManifold, on a worker thread; as those of score_call.h.
using ManifoldStream = WorkerStream<v1::ViewManifoldResponse>;
absl::Status RunViewManifold(Backend& backend, const v1::ViewManifoldRequest& request,
                             ManifoldStream& stream);

}  // namespace steer
