#pragma once

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

}  // namespace steer
