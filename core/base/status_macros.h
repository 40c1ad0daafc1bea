#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Leaves the function with the status of `expr` if that is not OK.
#define STEER_RETURN_IF_ERROR(expr)                     \
  do {                                                  \
    if (absl::Status _status = (expr); !_status.ok()) { \
      return _status;                                   \
    }                                                   \
  } while (false)

// STEER_ASSIGN_OR_RETURN(const Foo foo, MakeFoo());
// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` is a declaration, which parentheses would break.
#define STEER_ASSIGN_OR_RETURN(lhs, expr) \
  STEER_ASSIGN_OR_RETURN_IMPL_(STEER_CONCAT_(_result, __LINE__), lhs, expr)

#define STEER_CONCAT_INNER_(a, b) a##b
#define STEER_CONCAT_(a, b) STEER_CONCAT_INNER_(a, b)
#define STEER_ASSIGN_OR_RETURN_IMPL_(result, lhs, expr) \
  auto result = (expr);                                 \
  if (!result.ok()) return std::move(result).status();  \
  lhs = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)
