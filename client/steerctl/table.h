#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace steer {

// A table of text with a heading row, columns two spaces apart and no trailing spaces. Not
// thread-safe.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
    size_t min_width = 0;
  };

  explicit Table(std::vector<Column> columns);

  // Missing cells are empty; cells beyond the columns are dropped.
  void Add(std::vector<std::string> cells);

  // The whole table, as wide as its widest cells.
  std::string ToString() const;
  // For tables that grow while they are shown: the heading alone, and one row alone, each as wide
  // as the columns' headings and minimal widths.
  std::string Heading() const;
  std::string Row(const std::vector<std::string>& cells) const;

 private:
  std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;
  std::vector<std::string> Headings() const;
  std::vector<size_t> HeadingWidths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// A "name: value" list with the values in one column; empty values are left out.
std::string Listing(const std::vector<std::pair<std::string, std::string>>& entries);

// "1.5 KiB"
std::string BytesText(int64_t bytes);
// "2026-03-01 12:00:00" UTC; empty for 0.
std::string TimeText(int64_t unix_ms);

}  // namespace steer
