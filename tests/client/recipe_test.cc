#include "client/steerctl/recipe.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace steer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Error(const std::string& yaml) {
  const absl::Status status = ParseRecipe(yaml, "a recipe").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(RecipeTest, IsARequestByTheNamesOfItsFields) {
  const auto request = ParseRecipe(
      "alias: '7'\n"
      "system: Be brief, \xc3\xa9.\n"
      "pairs:\n  - {question: \"12\", positive: \"yes\", negative: \"no\"}\n"
      "labels: {team: red}\n"
      "training:\n"
      "  split: {gamma: 6, per_pair: true}\n"
      "  kind: vector\n"
      "  factors: [1, 2.5]\n"
      "  seed: 42\n"
      "  use: ADD\n",
      "a recipe");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->alias(), "7");
  EXPECT_EQ(request->system(), "Be brief, \xc3\xa9.");
  EXPECT_EQ(request->pairs(0).question(), "12");
  EXPECT_EQ(request->pairs(0).positive(), "yes");
  EXPECT_EQ(request->labels().at("team"), "red");
  EXPECT_EQ(request->training().split().gamma(), 6);
  EXPECT_TRUE(request->training().split().per_pair());
  EXPECT_THAT(request->training().factors(), ElementsAre(1, 2.5));
  EXPECT_EQ(request->training().use(), v1::Training::ADD);
}

TEST(RecipeTest, SaysWhatItCannotRead) {
  EXPECT_THAT(Error("training: {sft: {}, kinds: vector}"), HasSubstr("kinds"));
  EXPECT_THAT(Error("training: {steps: many}"), HasSubstr("steps"));
  EXPECT_THAT(Error("training: [unclosed"), HasSubstr("line 1"));
  EXPECT_THAT(Error("just text"), HasSubstr("StartJobRequest"));
  EXPECT_THAT(Error(""), HasSubstr("StartJobRequest"));
  EXPECT_TRUE(absl::IsNotFound(ReadRecipe("/nowhere.yaml").status()));
}

TEST(RecipeTest, EveryRecipeOfTheHouseIsReadable) {
  int recipes = 0;
  for (const auto& file : std::filesystem::directory_iterator(STEER_RECIPES)) {
    if (file.path().extension() != ".yaml") continue;
    const auto request = ReadRecipe(file.path());
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_NE(request->learner_case(), v1::StartJobRequest::LEARNER_NOT_SET) << file.path();
    ++recipes;
  }
  EXPECT_GE(recipes, 12);
}

}  // namespace
}  // namespace steer
