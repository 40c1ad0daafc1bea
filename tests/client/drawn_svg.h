#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace steer {

// The picture, which is also left in $STEER_SVG_FOLDER under the test's name, where svg_test.py
// reads it as XML.
inline std::string Drawn(const std::string& svg) {
  const char* folder = std::getenv("STEER_SVG_FOLDER");  // NOLINT(concurrency-mt-unsafe)
  if (folder != nullptr) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::ofstream(std::string(folder) + "/" + test->name() + ".svg") << svg;
  }
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  return svg;
}

inline int Count(const std::string& text, const std::string& what) {
  int count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

}  // namespace steer
