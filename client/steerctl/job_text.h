#pragma once

#include <string>

#include "steer/v1/learning.pb.h"

namespace steer {

// "queued", "running", …
std::string StateText(v1::Job::State state);

// Everything known of a job, one line each.
std::string Details(const v1::Job& job);

}  // namespace steer
