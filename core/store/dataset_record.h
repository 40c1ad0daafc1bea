#pragma once

#include <cstdint>
#include <string>

namespace steer {

// What the store knows of a data set besides its content.
struct DatasetRecord {
  std::string id;    // 64 hex digits: the SHA-256 of the content
  std::string name;  // a data set's alone, as an alias is spelt; may be empty
  int64_t rows = 0;
  int64_t bytes = 0;  // of the content
  int64_t created_unix_ms = 0;
  std::string description;
  bool operator==(const DatasetRecord&) const = default;
};

// What is stored of a data set; one commit writes it all.
inline constexpr int64_t kMaxDatasetBytes = int64_t{32} << 20;

}  // namespace steer
