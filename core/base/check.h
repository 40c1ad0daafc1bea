#pragma once

#include <cstdio>
#include <cstdlib>

// Aborts on a bug of ours. Nothing that a request or a file decides may reach one: that is what
// absl::Status is for.
#define STEER_CHECK(condition)                                                           \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
