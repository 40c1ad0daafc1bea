#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/signal/signal_data.h"

namespace steer {

// How a vector is made of the activations behind the positive answers, h_p, and the negative ones,
// h_n, of pairs at one layer.

// v = mean h_p - mean h_n (CAA, DiffMean; paper 4.2).
struct DifferenceOfMeansParams {};

// The direction along which the differences d = h_p - h_n are largest: the first principal
// component of d about 0. That is the one of both activations about the middle of their pair, which
// lie at +-d/2. `centred` takes d about its own mean instead, the direction in which pairs
// disagree.
struct PrincipalComponentParams {
  bool centred = false;
};

// The direction w of a logistic regression that tells h_p from h_n. With x an activation as it was
// read, s the root mean square of its distance from the mean of all, and y = +-1:
//   min over w, b of mean_i log(1 + exp(-y_i (w x_i / s + b))) + l2 / 2 |w|^2
// No feature is scaled by itself: outlier features stay large, and the result does not depend on
// the basis. The larger l2, the nearer it comes to the difference of means.
struct LinearProbeParams {
  double l2 = 0.001;  // 1e-6 .. 1e6
};

// What tells h_p from h_n in the features of a sparse autoencoder (STA of EasyEdit2): with f the
// features of an activation as it was read, a feature's score is the mean of f_p - f_n, and its
// frequency in how many h_p more than h_n it is above 0. Features are kept whose size of score and
// whose size of frequency are among the largest 1 - trim of those that are not 0, if both have one
// sign; v = sum of score times decoder row, made as long as mean h_p - mean h_n.
struct FeatureSelectionParams {
  double trim = 0.65;  // 0 .. 1, 1 excluded
  enum class By : uint8_t { kBoth, kActivation, kFrequency };
  By by = By::kBoth;  // or by one of the two alone
  // A signal of kind feature_shift at one block_out, of which the autoencoder is taken.
  std::shared_ptr<const SignalData> autoencoder;
};

// Cache steering (arXiv 2507.08799): of all layers from the first named on the mean difference of
// keys, before they turn, and values, in one kv signal. One multiplier scales both, so `key_factor`
// says how much of the keys' difference goes with all of the values': the method's c_k / c_v. As
// published it is read at the end of prompts that differ (kPromptLast).
struct KvDifferenceParams {
  int first_layer = 1;
  double key_factor = 0;  // 0 .. 1000; 0 leaves the keys out
};

using ExtractionMethod =
    std::variant<DifferenceOfMeansParams, PrincipalComponentParams, LinearProbeParams,
                 FeatureSelectionParams, KvDifferenceParams>;

// "difference_of_means", "principal_component", "linear_probe", "feature_selection",
// "kv_difference"
absl::string_view Name(const ExtractionMethod& method);

// Which tokens of a text are read; activations of several are averaged.
enum class Reading : uint8_t {
  kAnswerMean,    // the answer's
  kAnswerFirst,   // its first
  kAnswerLast,    // its last
  kAnswerLetter,  // the one with the letter of the option that it begins with: A of "(A)"
  kTextMean,      // prompt and answer, without the template's head; at least without the first
  kPromptLast,    // the prompt's last, of answers that have questions of their own
};

// How long the vector is made.
enum class Normalisation : uint8_t {
  kNone,            // a component or a probe has length 1, the other vectors their own
  kUnit,            // |v| = 1
  kActivationNorm,  // |v| = mean |h|
};

// Reads, instead of both answers, each of them with and without the tokens of the prompt that
// matter most for log P(positive) - log P(negative), by integrated gradients (GrAInS, arXiv
// 2507.18043).
struct AttributionParams {
  int tokens = 10;  // replaced in a prompt, at most; 1 .. 1000
  int steps = 20;   // of the integration; 1 .. 1000
  // Tokens that speak for the positive answer give v+, those for the negative one v-: the vector is
  // v+, -v- or v+ - v-.
  enum class Side : uint8_t { kPositive, kNegative, kBoth };
  Side side = Side::kBoth;
};

struct ExtractionParams {
  ExtractionMethod method;
  Reading reading = Reading::kAnswerMean;
  Normalisation normalisation = Normalisation::kNone;
  std::optional<AttributionParams> attribution;
};

// INVALID_ARGUMENT, naming the parameter.
absl::Status Validate(const ExtractionParams& params);

}  // namespace steer
