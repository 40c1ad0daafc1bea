#include "core/learn/difference_of_means.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

double Norm(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

absl::Status CheckAnswers(const std::vector<ContrastPair>& pairs) {
  if (pairs.empty()) return InvalidField("pairs", "none", "at least one");
  for (size_t i = 0; i < pairs.size(); ++i) {
    for (const auto& [name, text] :
         {std::pair("positive", &pairs[i].positive), std::pair("negative", &pairs[i].negative)}) {
      if (text->layout.prompt_length < static_cast<int>(text->tokens.size())) continue;
      return InvalidField(absl::StrCat("pairs[", i, "].", name), "no tokens",
                          "an answer of at least one token");
    }
  }
  return absl::OkStatus();
}

// Adds one mean activation to the running sums.
absl::Status Accumulate(const std::vector<float>& activation, double sign,
                        std::vector<double>& difference, double& norms) {
  if (difference.empty()) difference.resize(activation.size());
  if (difference.size() != activation.size())
    return absl::InternalError("activations of different widths");
  double square = 0;
  for (size_t i = 0; i < activation.size(); ++i) {
    difference[i] += sign * activation[i];
    square += static_cast<double>(activation[i]) * activation[i];
  }
  norms += std::sqrt(square);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DifferenceOfMeansResult> LearnDifferenceOfMeans(
    const std::vector<ContrastPair>& pairs, int layer, const MeanActivation& activation,
    const std::function<bool(int done, int total)>& progress) {
  STEER_RETURN_IF_ERROR(CheckAnswers(pairs));
  const int total = static_cast<int>(pairs.size());
  std::vector<double> difference;
  double norms = 0;
  for (int i = 0; i < total; ++i) {
    if (!progress(i, total)) return absl::CancelledError("the job was cancelled");
    STEER_ASSIGN_OR_RETURN(const std::vector<float> positive, activation(pairs[i].positive, layer));
    STEER_ASSIGN_OR_RETURN(const std::vector<float> negative, activation(pairs[i].negative, layer));
    STEER_RETURN_IF_ERROR(Accumulate(positive, 1.0, difference, norms));
    STEER_RETURN_IF_ERROR(Accumulate(negative, -1.0, difference, norms));
  }
  if (!progress(total, total)) return absl::CancelledError("the job was cancelled");

  DifferenceOfMeansResult result;
  for (double& value : difference) value /= total;
  result.norm = Norm(difference);
  result.mean_activation_norm = norms / (2.0 * total);
  result.pairs = total;
  const std::vector<float> v(difference.begin(), difference.end());
  result.v = HostTensor::FromFloats({static_cast<int64_t>(v.size())}, v);
  return result;
}

}  // namespace steer
