#pragma once

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace steer {

// What came from a caller or a file, fit for an error message: in quotes, escaped to ASCII, cut
// after 80 bytes.
inline std::string Quoted(absl::string_view name) {
  constexpr size_t kShown = 80;
  return absl::StrCat("'", absl::CHexEscape(name.substr(0, kShown)),
                      name.size() > kShown ? "…'" : "'");
}

}  // namespace steer
