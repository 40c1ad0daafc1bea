#pragma once

#include <string>

#include "steer/v1/learning.pb.h"

namespace steer {

// "queued", "running", …
std::string StateText(v1::Job::State state);
// "loss 3.21, 1250 tokens/s, 40 s left" of a job that trains; else empty.
std::string TrainingText(const v1::Job& job);

// Everything known of a job, one line each.
std::string Details(const v1::Job& job);

}  // namespace steer
