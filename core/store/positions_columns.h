#pragma once

#include <cstdint>

#include "core/signal/positions.h"
#include "core/store/sqlite_connection.h"

namespace steer {

// A position rule as four columns: on_prompt, on_generated, exclude_template_head, user_text_only.

inline PositionRule ReadPositions(const SqliteStatement& row, int column) {
  return {row.Int(column) != 0, row.Int(column + 1) != 0, row.Int(column + 2) != 0,
          row.Int(column + 3) != 0};
}

inline void BindPositions(const PositionRule& rule, SqliteStatement& statement) {
  statement.Bind(int64_t{rule.prompt}).Bind(int64_t{rule.generated});
  statement.Bind(int64_t{rule.exclude_template_head}).Bind(int64_t{rule.user_text_only});
}

}  // namespace steer
