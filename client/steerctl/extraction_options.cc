#include "client/steerctl/extraction_options.h"

#include "absl/strings/ascii.h"
#include "client/steerctl/method_settings.h"
#include "core/base/status_macros.h"
#include "google/protobuf/message.h"

namespace steer {
namespace {

google::protobuf::Message& MethodOf(const std::string& name, v1::Extraction& extraction) {
  if (name == "principal_component") return *extraction.mutable_principal_component();
  if (name == "linear_probe") return *extraction.mutable_linear_probe();
  if (name == "feature_selection") return *extraction.mutable_feature_selection();
  if (name == "kv_difference") return *extraction.mutable_kv_difference();
  return *extraction.mutable_difference_of_means();
}

}  // namespace

const std::vector<std::string>& ExtractionMethods() {
  static const std::vector<std::string> names = {"difference_of_means", "principal_component",
                                                 "linear_probe", "feature_selection",
                                                 "kv_difference"};
  return names;
}

void AddExtractionOptions(CLI::App& command, ExtractionOptions& options) {
  const std::string group = "Of vectors that are made of activations";
  command
      .add_option("--reading", options.reading,
                  "Which tokens' activations; default: answer_mean, all of an answer")
      ->group(group)
      ->check(CLI::IsMember({"answer_mean", "answer_first", "answer_last", "answer_letter",
                             "text_mean", "prompt_last"}));
  command
      .add_option("--normalise", options.normalisation,
                  "How long the vector is made; default: none, as the method gives it")
      ->group(group)
      ->check(CLI::IsMember({"none", "unit", "activation_norm"}));
  command
      .add_option("--attributed", options.attributed,
                  "Read texts with and without so many of the prompt's tokens, those that matter\n"
                  "most for the margin between both answers (GrAInS)")
      ->group(group);
}

absl::StatusOr<v1::Extraction> ToExtraction(const std::string& method,
                                            const std::vector<std::string>& settings,
                                            const ExtractionOptions& options) {
  v1::Extraction extraction;
  STEER_RETURN_IF_ERROR(SetFields(settings, MethodOf(method, extraction)));
  // The command line's names are the proto's.
  v1::Extraction::Reading reading = v1::Extraction::ANSWER_MEAN;
  if (options.reading)
    v1::Extraction::Reading_Parse(absl::AsciiStrToUpper(*options.reading), &reading);
  extraction.set_reading(reading);
  v1::Extraction::Normalisation normalisation = v1::Extraction::NONE;
  if (options.normalisation) {
    v1::Extraction::Normalisation_Parse(absl::AsciiStrToUpper(*options.normalisation),
                                        &normalisation);
  }
  extraction.set_normalisation(normalisation);
  if (options.attributed) extraction.mutable_attribution()->set_tokens(*options.attributed);
  return extraction;
}

}  // namespace steer
