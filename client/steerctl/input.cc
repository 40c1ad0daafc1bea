#include "client/steerctl/input.h"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "client/steerctl/command_line.h"

namespace steer {

absl::StatusOr<std::string> TextOrStdin(const std::string& argument, const char* what) {
  if (!argument.empty()) return argument;
  if (isatty(STDIN_FILENO) == 1) {
    std::fprintf(stderr, "Type the %s; Ctrl-D on an empty line ends it.\n", what);
  }
  std::string text{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.empty()) {
    return UsageError(absl::InvalidArgumentError(
        absl::StrCat("no ", what, "; give it as an argument or on standard input")));
  }
  return text;
}

}  // namespace steer
