#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/backend.h"
#include "server/worker_stream.h"
#include "steer/v1/analysis.pb.h"

namespace steer {

// The streaming calls of AnalysisService, on a worker thread. Whatever is answered has been written
// to the stream when they return; the caller ends it.

using ScoreStream = WorkerStream<v1::ScoreResponse>;
absl::Status RunScore(Backend& backend, const v1::ScoreRequest& request, ScoreStream& stream);

using SweepStream = WorkerStream<v1::SweepResponse>;
absl::Status RunSweep(Backend& backend, const v1::SweepRequest& request, SweepStream& stream);

using TextStream = WorkerStream<v1::MeasureTextResponse>;
absl::Status RunMeasureText(Backend& backend, const v1::MeasureTextRequest& request,
                            TextStream& stream);

// The first control of a call about one or two is `control` in the request, such as "control" or
// one of a family, and the second `second.control`; the runtime knows them as the first and second
// of its controls.
absl::Status AboutControls(const absl::Status& status, const std::string& control);

}  // namespace steer
