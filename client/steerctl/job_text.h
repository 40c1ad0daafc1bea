#pragma once

#include <string>

#include "steer/v1/learning.pb.h"

namespace steer {

// "queued", "running", …
std::string StateText(v1::Job::State state);

// Everything known of a job, one line each.
std::string Details(const v1::Job& job);

// "[##########..........] 20/40", for a bar of 20 columns.
std::string ProgressBar(int done, int total, int columns);

}  // namespace steer
