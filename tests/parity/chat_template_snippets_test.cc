// The interpreter alone: what it writes for many small templates is what Jinja2 writes, and what
// Jinja2 refuses it refuses; make_jinja_goldens.py wrote it down.

#include <fstream>
#include <map>
#include <string>

#include "core/tokenizer/jinja/program.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/parity/jinja_variables.h"

namespace steer {
namespace {

using Json = nlohmann::ordered_json;

TEST(JinjaParityTest, Snippets) {
  std::ifstream goldens(STEER_TEST_DATA "/jinja_snippets.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(goldens, line));
  std::map<std::string, jinja::Value> variables;
  const Json given = Json::parse(line);
  for (const auto& [name, value] : given.items()) variables[name] = ValueOf(value);
  int count = 0;
  while (std::getline(goldens, line)) {
    const Json golden = Json::parse(line);
    const std::string source = golden["source"];
    SCOPED_TRACE(source);
    absl::StatusOr<jinja::Program> program = jinja::Program::Parse(source);
    const absl::StatusOr<jinja::Text> text =
        program.ok() ? program->Render(variables, 0) : program.status();
    if (golden.contains("text")) {
      EXPECT_TRUE(text.ok()) << text.status();
      if (text.ok()) {
        EXPECT_EQ(text->bytes(), golden["text"].get<std::string>());
      }
    } else {
      EXPECT_FALSE(text.ok()) << text->bytes();
    }
    ++count;
  }
  EXPECT_GE(count, 180);
}

}  // namespace
}  // namespace steer
