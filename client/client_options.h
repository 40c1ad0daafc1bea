#pragma once

#include <functional>
#include <map>
#include <string>

#include "steer/v1/analysis.pb.h"

namespace steer {

// What calls of steer_client.h are given.

struct ClientOptions {
  std::string address = "127.0.0.1:7070";  // "host:port", or gRPC's "unix:PATH"
  double connect_seconds = 0;              // wait so long for the server to come up; 0: do not wait
  double call_seconds = 0;                 // deadline of each call; 0: none
};

struct UploadOptions {
  std::string format = "native";
  std::map<std::string, std::string> labels;
  std::string description;
  std::string alias;  // moved to the new signal in the same call, when not empty
};

// What Score and Sweep say on their way; any may be empty.
struct AnalysisEvents {
  std::function<bool(const v1::ScoreProgress&)> on_progress;
  std::function<bool(const v1::ScorePoint&)> on_point;
};
struct SweepEvents : AnalysisEvents {
  std::function<bool(const v1::Curve&)> on_curve;  // after its points
};

}  // namespace steer
