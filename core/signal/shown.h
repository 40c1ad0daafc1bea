#pragma once

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace steer {

// What came from outside, fit for a message: in quotes, escaped to ASCII, cut after 80 bytes.
inline std::string Shown(absl::string_view text) {
  constexpr size_t kShown = 80;
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, kShown)),
                      text.size() > kShown ? "…" : "", "'");
}

}  // namespace steer
