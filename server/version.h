#pragma once

namespace steer {

// "0.1.0", as in the project's CMakeLists.txt.
const char* Version();

}  // namespace steer
