#include "server/version.h"

namespace steer {

const char* Version() { return STEER_VERSION; }

}  // namespace steer
