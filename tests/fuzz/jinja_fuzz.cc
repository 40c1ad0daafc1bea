#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/tokenizer/jinja/program.h"
#include "core/tokenizer/jinja/strings.h"
#include "core/tokenizer/utf8.h"

namespace {

using steer::jinja::Text;
using steer::jinja::Value;

const std::vector<std::string>& Contents() {
  static const auto* const contents = new std::vector<std::string>{
      " Be k\u00EFnd\n", "<|im_end|> {{ x }} 'q' \u00A0", "<think>\nh\n</think>\nso", ""};
  return *contents;
}

Value Message(const char* role, size_t index) {
  steer::jinja::Dict dict;
  dict.entries.emplace_back(Value(Text("role")), Value(Text(role)));
  dict.entries.emplace_back(Value(Text("content")),
                            Value(Text(Contents()[index], static_cast<int>(index))));
  return Value(std::make_shared<const steer::jinja::Dict>(std::move(dict)));
}

std::map<std::string, Value> Variables() {
  steer::jinja::Sequence messages{.depth = 2};
  messages.items = {Message("system", 0), Message("user", 1), Message("assistant", 2),
                    Message("user", 3)};
  return {{"messages", Value(std::make_shared<const steer::jinja::Sequence>(std::move(messages)))},
          {"add_generation_prompt", Value(true)},
          {"bos_token", Value(Text("<s>"))},
          {"tools", Value(steer::jinja::None{})},
          {"n", Value(int64_t{7})}};
}

}  // namespace

// Whatever the template is: it ends, within its bounds, its text is UTF-8, and what it marks is
// in order, apart and of a message that exists.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string source(reinterpret_cast<const char*>(data), size);
  // Whoever reads a template checks that first.
  if (steer::FirstInvalidUtf8(source)) return 0;
  const auto program = steer::jinja::Program::Parse(source);
  if (!program.ok()) {
    STEER_CHECK(!program.status().message().empty());
    return 0;
  }
  const auto text = program->Render(Variables(), /*now=*/0);
  if (!text.ok()) return 0;
  STEER_CHECK(text->size() <= steer::jinja::Budget::kLongestText);
  STEER_CHECK(!steer::FirstInvalidUtf8(text->bytes()));
  size_t end = 0;
  for (const Text::Origin& origin : text->origins()) {
    STEER_CHECK(origin.begin >= end && origin.begin < origin.end && origin.end <= text->size());
    STEER_CHECK(origin.message >= 0 && origin.message < static_cast<int>(Contents().size()));
    end = origin.end;
  }
  return 0;
}
