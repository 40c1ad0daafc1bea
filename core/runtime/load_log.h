#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"

namespace steer {

// Lines for the log while a model is loaded. Apart from what loads it, because spdlog and libtorch
// bring two versions of one formatting library, and a file that sees both does not compile.

// Told bytes done and bytes in all, logs every tenth of the way of weights of 1 GiB and more.
std::function<void(int64_t, int64_t)> LogLoading(std::string device);

// A template that cannot be rendered here leaves raw prompts.
void LogNoTemplate(const absl::Status& why);

}  // namespace steer
