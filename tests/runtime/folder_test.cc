// The default model as a Hugging Face folder, through the runtime: weights, tokenizer, template and
// sampling defaults from files of their own.

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/runtime/runtime_fixture.h"

namespace steer {
namespace {

class FolderTest : public RuntimeFixture {
 protected:
  void StartOn(const std::string& path) {
    runtime_.reset();
    options_.model_path = path;
    options_.kv_cache_mib = 64;
    Start();
  }
};

TEST_F(FolderTest, AnswersAsTheGgufItCameFrom) {
  const char* gguf = std::getenv("STEER_TEST_MODEL");
  ASSERT_NE(gguf, nullptr) << "CTest sets STEER_TEST_MODEL";
  GenerateSpec chat = Greedy("", 16);
  chat.prompt.text.reset();
  chat.prompt.messages = {{"user", "Name three colours of the sky."}};

  StartOn(gguf);
  const ModelInfo from_gguf = runtime_->model();
  const Answer expected = Generate(chat);
  const Answer expected_raw = Generate(Greedy("The capital of France is", 16));
  StartOn(STEER_DEFAULT_FOLDER);
  const ModelInfo& from_folder = runtime_->model();
  EXPECT_EQ(from_folder.architecture, "llama");
  EXPECT_EQ(from_folder.name, "default_model_folder");
  EXPECT_EQ(from_folder.vocabulary, from_gguf.vocabulary);
  EXPECT_EQ(from_folder.context_limit, from_gguf.context_limit);
  EXPECT_TRUE(from_folder.has_chat_template);
  EXPECT_EQ(from_folder.default_system, from_gguf.default_system);
  EXPECT_NE(from_folder.marks.weights, from_gguf.marks.weights) << "other encodings, other weights";
  const Answer answer = Generate(chat);
  EXPECT_EQ(answer.admitted.prompt_tokens, expected.admitted.prompt_tokens);
  EXPECT_EQ(answer.tokens, expected.tokens);
  EXPECT_EQ(Generate(Greedy("The capital of France is", 16)).tokens, expected_raw.tokens);
}

// Links to the folder's files beside a generation_config.json of its own.
TEST_F(FolderTest, SamplesAsItsGenerationConfigSays) {
  const std::filesystem::path folder = std::filesystem::path(directory_) / "model";
  std::filesystem::create_directory(folder);
  for (const auto& entry : std::filesystem::directory_iterator(STEER_DEFAULT_FOLDER)) {
    if (entry.path().filename() == "generation_config.json") continue;
    std::filesystem::create_symlink(entry.path(), folder / entry.path().filename());
  }
  std::ofstream(folder / "generation_config.json")
      << R"({"do_sample": true, "temperature": 0.5, "top_k": 7, "repetition_penalty": 1.25})";
  StartOn(folder.string());
  const GenerationConfig& generation = runtime_->model().generation;
  EXPECT_EQ(generation.temperature, 0.5);
  EXPECT_EQ(generation.top_k, 7);
  EXPECT_EQ(generation.repetition_penalty, 1.25);
  EXPECT_FALSE(generation.top_p.has_value());
}

}  // namespace
}  // namespace steer
