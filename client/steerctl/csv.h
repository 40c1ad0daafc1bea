#pragma once

#include <string>
#include <vector>

namespace steer {

// Comma-separated values for programs: a line of names or of numbers. A number has the fewest
// digits that read back as the same number; one that is not finite is an empty field.
std::string CsvField(double value);
std::string CsvLine(const std::vector<std::string>& fields);

}  // namespace steer
