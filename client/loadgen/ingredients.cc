#include "client/loadgen/ingredients.h"

#include <cmath>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "core/base/host_tensor.h"
#include "core/base/status_macros.h"
#include "core/files/safetensors.h"

namespace steer {
namespace {

// Against activations of a length of some tens: a steered row costs what it always costs, and its
// answer stays as long as a plain one's.
constexpr double kNorm = 0.01;

constexpr char kText[] =
    "The harbour woke before the town did. Boats that had lain against the wall all night began to "
    "move, one after the other, and the men on them spoke in low voices about the weather, the "
    "price of diesel and the new rules on nets. By seven the market was open. A woman weighed "
    "crabs on a brass scale; a boy counted change into a paper cup; two dogs slept under a cart "
    "full of ice. Nobody was in a hurry, because the tide would not turn for another hour. ";

}  // namespace

std::string RandomVectorFile(const v1::Model& model, int layer, double norm, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> direction(static_cast<size_t>(model.hidden()));
  double square = 0;
  for (double& value : direction) {
    value = normal(random);
    square += value * value;
  }
  std::vector<float> values;
  values.reserve(direction.size());
  for (const double value : direction) {
    values.push_back(static_cast<float>(value * norm / std::sqrt(square)));
  }
  return WriteSafetensors({{"format", "control-signal/1"},
                           {"kind", "vector"},
                           {"model_shape", model.shape_mark()},
                           {"model_weights", model.weights_mark()}},
                          {{absl::StrCat("layers.", layer, ".block_out.v"),
                            HostTensor::FromFloats({model.hidden()}, values)}});
}

absl::StatusOr<std::vector<int32_t>> TextIds(Client& client, int tokens, int offsets) {
  v1::TokenizeRequest request;
  request.mutable_prompt()->set_text(kText);
  STEER_ASSIGN_OR_RETURN(const v1::TokenizeResponse response, client.Tokenize(request));
  if (response.ids().empty()) return absl::DataLossError("the server found no tokens in a text");
  std::vector<int32_t> ids;
  while (ids.size() < static_cast<size_t>(tokens) + static_cast<size_t>(offsets)) {
    ids.insert(ids.end(), response.ids().begin(), response.ids().end());
  }
  return ids;
}

absl::StatusOr<LoadSignals> LoadSignals::Upload(Client& client, const LoadOptions& options) {
  STEER_ASSIGN_OR_RETURN(const v1::Model model, client.GetModel());
  LoadSignals signals;
  UploadOptions upload;
  upload.description = "A random direction, made by loadgen";
  for (int i = 0; i < options.signals; ++i) {
    const absl::StatusOr<v1::RegisterSignalResponse> response = client.UploadSignal(
        RandomVectorFile(model, model.layers() / 2, kNorm, options.seed + static_cast<uint64_t>(i)),
        upload);
    if (!response.ok()) {
      signals.Delete(client).IgnoreError();  // the first error is the one to tell
      return response.status();
    }
    signals.ids_.push_back(response->signal().id());
    if (!response->existed()) signals.made_.push_back(response->signal().id());
  }
  return signals;
}

absl::Status LoadSignals::Delete(Client& client) {
  absl::Status first;
  for (const std::string& id : made_) first.Update(client.DeleteSignal(id, /*with_aliases=*/false));
  made_.clear();
  return first;
}

}  // namespace steer
