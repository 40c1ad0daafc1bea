#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace steer {

// Page tokens of one store: the key of the last item on the page, signed with the store's secret so
// that a token made up, changed, or made by another list or store is refused. Immutable.
class PageTokens {
 public:
  explicit PageTokens(std::string secret) : secret_(std::move(secret)) {}

  // `list` tells the lists of a store apart.
  std::string Make(absl::string_view list, absl::string_view last_key) const;
  // The key; empty for an empty token, which is the first page. INVALID_ARGUMENT on "page_token".
  absl::StatusOr<std::string> Read(absl::string_view list, absl::string_view token) const;
  // Of lists that run down the order of arrival, whose keys are numbers: the one that the page
  // stays below. The largest number for an empty token.
  absl::StatusOr<int64_t> ReadNumber(absl::string_view list, absl::string_view token) const;

 private:
  std::string secret_;
};

}  // namespace steer
