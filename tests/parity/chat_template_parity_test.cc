// Real chat templates: the text is that of transformers; make_chat_template_goldens.py wrote it
// down.

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/tokenizer/chat_template.h"
#include "core/tokenizer/jinja/strings.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/byte_tokenizer.h"

namespace steer {
namespace {

using Json = nlohmann::json;

// 26 July 2024, noon in Greenwich: the same day nearly everywhere.
std::time_t GoldenTime() { return 1721995200; }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Json> Goldens() {
  std::ifstream file(STEER_TEST_DATA "/chat_templates.jsonl");
  std::vector<Json> goldens;
  for (std::string line; std::getline(file, line);) goldens.push_back(Json::parse(line));
  return goldens;
}

class ChatTemplateParityTest : public testing::Test {
 protected:
  std::unique_ptr<const ChatTemplate> Make(const Json& golden) {
    ChatTemplateSource source;
    const std::string name = golden["template"];
    source.text = ReadFile(STEER_TEST_DATA "/chat_templates/" + name + ".jinja");
    source.tokens = golden["tokens"].get<std::map<std::string, std::string>>();
    auto made = ChatTemplate::Create(std::move(source), &tokenizer_, GoldenTime);
    EXPECT_TRUE(made.ok()) << name << ": " << made.status();
    return *std::move(made);
  }
  static std::vector<ChatMessage> Messages(const Json& golden) {
    std::vector<ChatMessage> messages;
    for (const Json& message : golden["messages"]) messages.push_back({message[0], message[1]});
    return messages;
  }

  ByteTokenizer tokenizer_;
};

TEST_F(ChatTemplateParityTest, Texts) {
  int rendered = 0;
  int refused = 0;
  for (const Json& golden : Goldens()) {
    SCOPED_TRACE(golden);
    const auto chat = Make(golden);
    const auto text = chat->RenderText(Messages(golden), golden["add_generation_prompt"]);
    if (golden.contains("text")) {
      ASSERT_TRUE(text.ok()) << text.status();
      ASSERT_EQ(text->bytes(), golden["text"].get<std::string>());
      ++rendered;
    } else {
      ASSERT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument) << text.status();
      const auto detail = DetailOf(text.status());
      ASSERT_TRUE(detail);
      EXPECT_EQ(detail->field, "prompt.chat.messages");
      EXPECT_EQ(detail->got, golden["error"].get<std::string>());
      ++refused;
    }
  }
  EXPECT_GE(rendered, 300);
  EXPECT_GE(refused, 40);
}

// Marked bytes are in the message they are said to be of, and the last user's text is all there.
TEST_F(ChatTemplateParityTest, WhatMessagesSayIsMarkedAsTheirs) {
  int compared = 0;
  for (const Json& golden : Goldens()) {
    if (!golden.contains("text")) continue;
    SCOPED_TRACE(golden);
    const auto chat = Make(golden);
    const std::vector<ChatMessage> messages = Messages(golden);
    const auto text = chat->RenderText(messages, golden["add_generation_prompt"]);
    ASSERT_TRUE(text.ok()) << text.status();
    std::vector<std::string> said(messages.size());
    for (const auto& origin : text->origins()) {
      const std::string part = text->bytes().substr(origin.begin, origin.end - origin.begin);
      EXPECT_NE(messages[static_cast<size_t>(origin.message)].content.find(part),
                std::string::npos);
      said[static_cast<size_t>(origin.message)] += part;
    }
    // Of an answer a template may leave something out: Qwen-3 drops what was only thought.
    if (messages.back().role != "user") continue;
    const jinja::Text last(messages.back().content);
    const jinja::Text stripped = jinja::Strip(last, jinja::Side::kBoth, std::nullopt);
    EXPECT_NE(said.back().find(stripped.bytes()), std::string::npos);
    ++compared;
  }
  EXPECT_GE(compared, 150);
}

}  // namespace
}  // namespace steer
