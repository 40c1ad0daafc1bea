#pragma once

#include <string>
#include <vector>

namespace steer {

// Full names of the services of package steer.v1, from the protos: "steer.v1.GenerationService".
std::vector<std::string> ServiceNames();

// All their methods: "steer.v1.GenerationService/Generate".
std::vector<std::string> MethodNames();

}  // namespace steer
