#include "client/steerctl/table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/steerctl/terminal.h"

namespace steer {

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToString() const {
  std::vector<size_t> widths = HeadingWidths();
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string out = Line(Headings(), widths);
  for (const std::vector<std::string>& row : rows_) absl::StrAppend(&out, Line(row, widths));
  return out;
}

std::string Table::Heading() const { return Line(Headings(), HeadingWidths()); }

std::string Table::Row(const std::vector<std::string>& cells) const {
  return Line(cells, HeadingWidths());
}

std::string Table::Line(const std::vector<std::string>& cells,
                        const std::vector<size_t>& widths) const {
  std::string line;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string cell = i < cells.size() ? cells[i] : "";
    const size_t width = DisplayWidth(cell);
    const std::string padding(width < widths[i] ? widths[i] - width : 0, ' ');
    if (i > 0) line += "  ";
    line += columns_[i].align == Align::kRight ? padding + cell : cell + padding;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::vector<std::string> Table::Headings() const {
  std::vector<std::string> headings;
  headings.reserve(columns_.size());
  for (const Column& column : columns_) headings.push_back(column.heading);
  return headings;
}

std::vector<size_t> Table::HeadingWidths() const {
  std::vector<size_t> widths;
  widths.reserve(columns_.size());
  for (const Column& column : columns_) {
    widths.push_back(std::max(column.min_width, DisplayWidth(column.heading)));
  }
  return widths;
}

std::string Listing(const std::vector<std::pair<std::string, std::string>>& entries) {
  size_t width = 0;
  for (const auto& [name, value] : entries) width = std::max(width, DisplayWidth(name));
  std::string out;
  for (const auto& [name, value] : entries) {
    if (value.empty()) continue;
    absl::StrAppend(&out, name, ":", std::string(width - DisplayWidth(name) + 2, ' '), value, "\n");
  }
  return out;
}

std::string BytesText(int64_t bytes) {
  constexpr std::array<const char*, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string TimeText(int64_t unix_ms) {
  if (unix_ms == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(unix_ms), absl::UTCTimeZone());
}

}  // namespace steer
