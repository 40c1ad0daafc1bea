#include "client/steerctl/terminal.h"

#include "gtest/gtest.h"

namespace steer {
namespace {

TEST(EscapeControlsTest, LeavesTextAlone) {
  const std::string text = "Grüße, 世界 🙂\n\ttabbed ~";
  EXPECT_EQ(EscapeControls(text), text);
  EXPECT_EQ(EscapeControls(""), "");
}

TEST(EscapeControlsTest, SpellsOutControls) {
  EXPECT_EQ(EscapeControls("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(EscapeControls("a\rb\bc\a\x7f"), "a\\rb\\x08c\\x07\\x7f");
  EXPECT_EQ(EscapeControls(absl::string_view("\0", 1)), "\\x00");
  // U+009B, a control sequence introducer of one character; U+00A0 is an ordinary one.
  EXPECT_EQ(EscapeControls("\xC2\x9B"
                           "31m\xC2\xA0"),
            "\\xc2\\x9b"
            "31m\xC2\xA0");
}

TEST(EscapeControlsTest, SpellsOutBytesThatAreNoUtf8) {
  EXPECT_EQ(EscapeControls("a\xFF"
                           "b\xC3"),
            "a\\xff"
            "b\\xc3");
  EXPECT_EQ(EscapeControls("\x9B"
                           "31m"),
            "\\x9b"
            "31m");
  EXPECT_EQ(EscapeControls("\xE4\xB8\x1b"), "\\xe4\\xb8\\x1b");
}

TEST(DisplayWidthTest, CountsCodePoints) {
  EXPECT_EQ(DisplayWidth("Grüße"), 5u);
  EXPECT_EQ(DisplayWidth(""), 0u);
}

}  // namespace
}  // namespace steer
