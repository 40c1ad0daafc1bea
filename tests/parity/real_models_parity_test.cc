// Real weights beside the default model's GGUF: the same model as a Hugging Face folder, and
// Gemma-3-270M (make_decoder_goldens.py --gemma), whose window of 512 every prompt crosses.

#include "tests/parity/parity_engine.h"

namespace steer {
namespace {

TEST(FolderParityTest, TheDefaultModelAsAFolderIsTheSameModelBitForBit) {
  const std::shared_ptr<const Decoder> file = LoadDecoder(RequiredEnv("STEER_TEST_MODEL"));
  const std::shared_ptr<const Decoder> folder = LoadDecoder(STEER_DEFAULT_FOLDER);
  ASSERT_NE(file, nullptr);
  ASSERT_NE(folder, nullptr);
  EXPECT_EQ(folder->parameters(), file->parameters());
  EXPECT_EQ(folder->config().context_limit, file->config().context_limit);
  const Goldens goldens("decoder_goldens.safetensors");
  for (const char* key : {"03", "11", "15"}) {
    const std::vector<Row> rows = {{goldens.Get<TokenId>(std::string(key) + ".prompt")}};
    EXPECT_TRUE(SameBits(DecoderHarness(folder).Full(rows)[0], DecoderHarness(file).Full(rows)[0]));
  }
}

class GemmaParityTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { decoder_ = LoadDecoder(STEER_GEMMA_MODEL); }
  static void TearDownTestSuite() { decoder_.reset(); }
  void SetUp() override { ASSERT_NE(decoder_, nullptr); }

  const Goldens goldens_{"gemma_goldens.safetensors"};
  const std::vector<std::string> keys_ = {"00", "01", "02", "03", "04", "05", "06", "07"};
  static inline std::shared_ptr<const Decoder> decoder_;
};

TEST_F(GemmaParityTest, FinalLogitsAreWithin2e3) {
  for (const std::string& key : keys_)
    ASSERT_GT(goldens_.Get<TokenId>(key + ".prompt").size(), 512);
  ExpectFinalLogits(DecoderHarness(decoder_), goldens_, keys_);
}

TEST_F(GemmaParityTest, ThroughTheEngineLogProbabilitiesAndGreedyTokensAreEqual) {
  ParityEngine engine(decoder_, /*step_tokens=*/200);
  ExpectLogProbabilities(engine, goldens_, keys_);
  ExpectGreedyTokens(engine, goldens_, keys_);
}

}  // namespace
}  // namespace steer
