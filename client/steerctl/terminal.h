#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace steer {

// The text with every control character but newline and tab spelt out ("\x1b", "\r"), and bytes
// that are not UTF-8 likewise: nothing a model or a server says can move the cursor, change colours
// or set the clipboard. Covers C0, DEL and C1 (U+0080 to U+009F). Whole characters in, whole
// characters out: a stream may be escaped piece by piece.
std::string EscapeControls(absl::string_view text);

// Columns the text takes on a terminal, counting each code point as one.
size_t DisplayWidth(absl::string_view text);

bool StdoutIsTerminal();
bool StderrIsTerminal();

// Text of foreign origin on its way out: escaped if that stream is a terminal, else as it is.
std::string ForStdout(absl::string_view text);
std::string ForStderr(absl::string_view text);

}  // namespace steer
