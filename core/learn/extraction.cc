#include "core/learn/extraction.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/learn/activation_rows.h"
#include "core/learn/feature_selection.h"
#include "core/learn/linear_probe.h"
#include "core/learn/principal_component.h"

namespace steer {
namespace {

// What is a smaller share than this is rounding: of activations, what centring left of them; of the
// root mean square of projections, their mean.
constexpr double kRounding = 1e-9;

absl::Status NoDirection(int layer, absl::string_view got) {
  return InvalidField("pairs", absl::StrCat(got, " at layer ", layer),
                      "pairs whose answers differ there");
}

// The pairs at one layer, added up as they come; rows are kept only where a method needs them.
class LayerPairs {
 public:
  LayerPairs(int layer, const ExtractionParams& params) : params_(params) {
    made_.layer = layer;
    if (const auto* selection = std::get_if<FeatureSelectionParams>(&params.method))
      features_.emplace(*selection);
  }

  absl::Status Add(const LayerActivation& positive, const LayerActivation& negative) {
    if (sum_.empty()) sum_.resize(positive.mean.size());
    if (sum_.empty() || sum_.size() != positive.mean.size() ||
        sum_.size() != negative.mean.size()) {
      return absl::InternalError("activations of different widths");
    }
    std::vector<float> difference(sum_.size());
    for (size_t i = 0; i < sum_.size(); ++i) {
      const double d = static_cast<double>(positive.mean[i]) - negative.mean[i];
      sum_[i] += d;
      difference[i] = static_cast<float>(d);
    }
    made_.activation_norms += positive.norms;
    made_.activation_norms += negative.norms;
    ++pairs_;
    if (std::holds_alternative<PrincipalComponentParams>(params_.method)) rows_.Add(difference);
    if (features_) features_->Add(positive.mean, negative.mean);
    if (std::holds_alternative<LinearProbeParams>(params_.method)) {
      rows_.Add(positive.mean);
      rows_.Add(negative.mean);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Extraction> Finish() {
    difference_ = sum_;
    Scale(1.0 / pairs_, difference_);
    made_.difference_norm = Norm(difference_);
    if (!std::isfinite(made_.difference_norm)) {
      return absl::OutOfRangeError(
          absl::StrCat("activations at layer ", made_.layer, " are no finite numbers"));
    }
    STEER_ASSIGN_OR_RETURN(
        std::vector<double> v,
        std::visit([this](const auto& method) { return Direction(method); }, params_.method));
    STEER_RETURN_IF_ERROR(Normalise(v));
    const std::vector<float> values(v.begin(), v.end());
    made_.v = HostTensor::FromFloats({static_cast<int64_t>(values.size())}, values);
    made_.norm = Norm(v);
    return std::move(made_);
  }

 private:
  absl::StatusOr<std::vector<double>> Direction(const DifferenceOfMeansParams&) {
    return difference_;
  }

  absl::StatusOr<std::vector<double>> Direction(const KvDifferenceParams&) { return difference_; }

  absl::StatusOr<std::vector<double>> Direction(const PrincipalComponentParams& params) {
    const double uncentred = rows_.SquareSum();
    if (params.centred) rows_.Centre();
    const double square_sum = rows_.SquareSum();
    std::optional<PrincipalComponent> component;
    // What centring leaves of equal rows is rounding.
    if (square_sum > kRounding * kRounding * uncentred) component = FindPrincipalComponent(rows_);
    if (!component) {
      return NoDirection(made_.layer, params.centred ? "activations that all differ alike"
                                                     : "answers with equal activations");
    }
    std::vector<double>& u = component->direction;
    const double mean = Dot(difference_, u);
    const double spread = std::sqrt(component->explained_share * square_sum / pairs_);
    if (!(std::abs(mean) > kRounding * spread))
      return NoDirection(made_.layer, "a component on which both answers lie alike on average");
    if (mean < 0) Scale(-1, u);
    made_.explained_share = component->explained_share;
    return std::move(u);
  }

  absl::StatusOr<std::vector<double>> Direction(const LinearProbeParams& params) {
    rows_.Centre();
    std::optional<LinearProbe> probe = FitLinearProbe(rows_, params);
    if (!probe) return NoDirection(made_.layer, "answers that no plane tells apart");
    made_.accuracy = probe->accuracy;
    made_.held_out_accuracy = probe->held_out_accuracy;
    return std::move(probe->direction);
  }

  absl::StatusOr<std::vector<double>> Direction(const FeatureSelectionParams&) {
    std::optional<FeatureSelection::Selected> selected = features_->Select();
    const double length = selected ? Norm(selected->direction) : 0;
    if (!(length > 0)) return NoDirection(made_.layer, "answers that no feature tells apart");
    Scale(made_.difference_norm / length, selected->direction);
    made_.features = selected->features;
    return std::move(selected->direction);
  }

  absl::Status Normalise(std::vector<double>& v) const {
    if (params_.normalisation == Normalisation::kNone) return absl::OkStatus();
    const double length = Norm(v);
    if (!(length > 0)) return NoDirection(made_.layer, "answers with equal activations");
    const bool unit = params_.normalisation == Normalisation::kUnit;
    Scale((unit ? 1 : made_.activation_norms.Mean()) / length, v);
    return absl::OkStatus();
  }

  const ExtractionParams params_;
  Extraction made_;
  int pairs_ = 0;
  std::vector<double> sum_;         // of h_p - h_n
  std::vector<double> difference_;  // their mean
  std::optional<FeatureSelection> features_;
  ActivationRows rows_;  // differences, or both activations of each pair
};

}  // namespace

absl::StatusOr<std::vector<Extraction>> Extract(
    const std::vector<ReadPair>& pairs, std::span<const int> layers, const ExtractionParams& params,
    const ReadActivations& read, const std::function<bool(int done, int total)>& progress) {
  if (pairs.empty()) return InvalidField("pairs", "none", "at least one");
  const int total = static_cast<int>(pairs.size());
  std::vector<LayerPairs> gathered;
  gathered.reserve(layers.size());
  for (const int layer : layers) gathered.emplace_back(layer, params);
  for (int i = 0; i < total; ++i) {
    if (!progress(i, total)) return absl::CancelledError("the job was cancelled");
    STEER_ASSIGN_OR_RETURN(const std::vector<LayerActivation> positive,
                           read(pairs[i].positive, layers));
    STEER_ASSIGN_OR_RETURN(const std::vector<LayerActivation> negative,
                           read(pairs[i].negative, layers));
    if (positive.size() != layers.size() || negative.size() != layers.size())
      return absl::InternalError("activations of other layers than those asked for");
    for (size_t l = 0; l < layers.size(); ++l)
      STEER_RETURN_IF_ERROR(gathered[l].Add(positive[l], negative[l]));
  }
  std::vector<Extraction> made;
  for (LayerPairs& layer : gathered) {
    if (!progress(total, total)) return absl::CancelledError("the job was cancelled");
    STEER_ASSIGN_OR_RETURN(Extraction extraction, layer.Finish());
    made.push_back(std::move(extraction));
  }
  return made;
}

}  // namespace steer
