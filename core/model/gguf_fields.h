#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/files/gguf.h"

namespace steer {

// The keys of one architecture in a GGUF file ("qwen2.block_count"), read by what follows its name.
// What was never asked for can be refused, so that a switch nobody knows is not ignored in silence.
// Errors are INVALID_ARGUMENT and NOT_FOUND with the whole key. Not thread-safe.
class GgufFields {
 public:
  // `file` outlives this.
  GgufFields(const GgufFile& file, absl::string_view architecture);

  bool Has(absl::string_view name);
  // A whole number of least..most, or `absent` where there is none.
  absl::StatusOr<int64_t> Int(absl::string_view name, std::optional<int64_t> absent, int64_t least,
                              int64_t most);
  absl::StatusOr<double> Float(absl::string_view name, std::optional<double> absent);
  absl::StatusOr<std::string> StringOr(absl::string_view name, std::string absent);

  // UNIMPLEMENTED if the key is there and is not `value`.
  absl::Status OnlyAs(absl::string_view name, const GgufFile::Value& value);
  // Keys that change nothing we compute.
  void Ignore(std::initializer_list<absl::string_view> names);
  // UNIMPLEMENTED names the first key of the architecture that was not asked for.
  absl::Status RefuseOthers() const;

  std::string KeyOf(absl::string_view name) const;
  const GgufFile& file() const { return file_; }

 private:
  std::string Asked(absl::string_view name);

  const GgufFile& file_;
  std::string prefix_;
  std::set<std::string> known_;  // whole keys
};

}  // namespace steer
