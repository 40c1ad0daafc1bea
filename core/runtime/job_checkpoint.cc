#include "core/runtime/job_checkpoint.h"

#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "core/files/safetensors.h"
#include "core/runtime/job_log.h"

namespace steer {
namespace {

constexpr char kModelKey[] = "model", kLayersKey[] = "layers";

}  // namespace

JobCheckpoint::JobCheckpoint(SignalStore* store, const std::string& job_id,
                             std::string model_fingerprint)
    : store_(*store),
      number_(NumberOfJob(job_id)),
      model_fingerprint_(std::move(model_fingerprint)) {
  absl::StatusOr<std::optional<std::string>> bytes = store_.LoadCheckpoint(number_);
  if (!bytes.ok() || !*bytes) return;
  const absl::StatusOr<std::shared_ptr<const SafetensorsFile>> file =
      SafetensorsFile::Parse(std::as_bytes(std::span((*bytes)->data(), (*bytes)->size())));
  if (!file.ok()) return;
  std::map<std::string, std::string> notes = (*file)->metadata();
  absl::StatusOr<std::vector<LayerOutcome>> layers = LayersFromJson(notes[kLayersKey]);
  if (notes[kModelKey] != model_fingerprint_ || !layers.ok()) return;
  layers_ = *std::move(layers);
  if (!(*file)->tensors().empty()) run_ = **std::move(bytes);
}

std::map<std::string, std::string> JobCheckpoint::notes() const {
  return {{kModelKey, model_fingerprint_}, {kLayersKey, ToJson(layers_)}};
}

absl::Status JobCheckpoint::Save(absl::string_view file) {
  return store_.PutCheckpoint(number_, file);
}

absl::Status JobCheckpoint::Add(LayerOutcome layer) {
  layers_.push_back(std::move(layer));
  run_.clear();
  return Save(WriteSafetensors(notes(), {}));
}

}  // namespace steer
