#include "client/steerctl/extraction_options.h"

#include "client/steerctl/training_options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/parsed_options.h"

namespace steer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<v1::Extraction> Extraction(const std::string& method,
                                          const std::vector<std::string>& settings = {},
                                          const std::vector<std::string>& arguments = {}) {
  const auto options = Parsed(arguments, &AddExtractionOptions);
  if (!options.ok()) return options.status();
  return ToExtraction(method, settings, *options);
}

TEST(ExtractionOptionsTest, WithoutOptionsItIsADifferenceOfAnswerMeans) {
  const auto extraction = Extraction(ExtractionMethods().front());
  ASSERT_TRUE(extraction.ok()) << extraction.status();
  EXPECT_TRUE(extraction->has_difference_of_means());
  EXPECT_EQ(extraction->reading(), v1::Extraction::ANSWER_MEAN);
  EXPECT_EQ(extraction->normalisation(), v1::Extraction::NONE);
  EXPECT_FALSE(extraction->has_layer());
}

TEST(ExtractionOptionsTest, EveryNameIsTheProtos) {
  for (const char* name :
       {"answer_mean", "answer_first", "answer_last", "answer_letter", "text_mean"}) {
    const auto extraction = Extraction("linear_probe", {"l2=0.5"}, {"--reading", name});
    ASSERT_TRUE(extraction.ok()) << extraction.status();
    EXPECT_EQ(extraction->linear_probe().l2(), 0.5);
    EXPECT_THAT(v1::Extraction::Reading_Name(extraction->reading()), testing::StrCaseEq(name));
  }
  for (const char* name : {"none", "unit", "activation_norm"}) {
    const auto extraction =
        Extraction("principal_component", {"centred=true"}, {"--normalise", name});
    ASSERT_TRUE(extraction.ok()) << extraction.status();
    EXPECT_TRUE(extraction->principal_component().centred());
    EXPECT_THAT(v1::Extraction::Normalisation_Name(extraction->normalisation()),
                testing::StrCaseEq(name));
  }
}

TEST(ExtractionOptionsTest, AKvDifferenceHasALayerAndAFactor) {
  const auto extraction = Extraction("kv_difference", {"first_layer=2", "key_factor=0.05"});
  ASSERT_TRUE(extraction.ok()) << extraction.status();
  EXPECT_EQ(extraction->kv_difference().first_layer(), 2);
  EXPECT_EQ(extraction->kv_difference().key_factor(), 0.05);
  EXPECT_THAT(std::string(Extraction("kv_difference", {"first_layer=1.5"}).status().message()),
              HasSubstr("a whole number"));
}

TEST(ExtractionOptionsTest, MistakesAreNamed) {
  EXPECT_THAT(std::string(Extraction("linear_probe", {"gamma=1"}).status().message()),
              AllOf(HasSubstr("gamma"), HasSubstr("l2")));
  EXPECT_THAT(std::string(Extraction("linear_probe", {"l2=a"}).status().message()),
              HasSubstr("a number"));
  EXPECT_THAT(std::string(Extraction("principal_component", {"centred=2"}).status().message()),
              HasSubstr("true or false"));
  EXPECT_THAT(std::string(Extraction("difference_of_means", {"l2=1"}).status().message()),
              HasSubstr("no settings"));
  EXPECT_FALSE(Extraction("linear_probe", {}, {"--reading", "middle"}).ok());
  EXPECT_FALSE(Extraction("linear_probe", {}, {"--normalise", "2"}).ok());
}

TEST(TrainingOptionsTest, SettingsAreThoseOfTheObjective) {
  const auto training = ToTraining("split", {"gamma=6", "per_pair=true"}, TrainingOptions());
  ASSERT_TRUE(training.ok()) << training.status();
  EXPECT_EQ(training->split().gamma(), 6);
  EXPECT_TRUE(training->split().per_pair());
  EXPECT_THAT(std::string(ToTraining("sft", {"gamma=6"}, TrainingOptions()).status().message()),
              HasSubstr("no settings"));
}

}  // namespace
}  // namespace steer
