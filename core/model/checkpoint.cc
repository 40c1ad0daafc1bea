#include "core/model/checkpoint.h"

#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/model/hf_config.h"
#include "core/model/hf_names.h"

namespace steer {
namespace {

// What ModelConfig::FromGguf has read already.
absl::Status TakeRopeFactors(const ModelConfig& config, TensorMap& tensors) {
  if (config.ropes.size() != 1 || config.ropes[0].divisors.empty()) return absl::OkStatus();
  for (const absl::string_view name :
       {"rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"}) {
    if (config.architecture == "phi3" && name == "rope_freqs.weight") continue;
    if (const StoredTensor* const stored = tensors.Find(name); stored != nullptr) {
      STEER_RETURN_IF_ERROR(tensors.Take(name, stored->shape).status());
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Checkpoint> Checkpoint::Open(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    STEER_ASSIGN_OR_RETURN(std::shared_ptr<const ModelFolder> folder, ModelFolder::Open(path));
    return FromFolder(std::move(folder));
  }
  STEER_ASSIGN_OR_RETURN(std::shared_ptr<const GgufFile> file, GgufFile::Open(path));
  return FromGguf(std::move(file));
}

absl::StatusOr<Checkpoint> Checkpoint::FromGguf(std::shared_ptr<const GgufFile> file) {
  Checkpoint checkpoint;
  STEER_ASSIGN_OR_RETURN(checkpoint.config, ModelConfig::FromGguf(*file));
  STEER_ASSIGN_OR_RETURN(checkpoint.tensors, SplitTensors(file->tensors(), checkpoint.config));
  STEER_RETURN_IF_ERROR(TakeRopeFactors(checkpoint.config, checkpoint.tensors));
  checkpoint.interleaved_rotary = checkpoint.config.architecture == "llama";
  checkpoint.gguf = std::move(file);
  return checkpoint;
}

absl::StatusOr<Checkpoint> Checkpoint::FromFolder(std::shared_ptr<const ModelFolder> folder) {
  Checkpoint checkpoint;
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> text, folder->Text("config.json"));
  if (!text) return NotFound("config.json", "file", folder->path());
  absl::StatusOr<HfConfig> config = ParseHfConfig(*text);
  if (!config.ok()) return Annotate(config.status(), "config.json");
  STEER_ASSIGN_OR_RETURN(const TensorMap stored, folder->Tensors());
  STEER_ASSIGN_OR_RETURN(checkpoint.tensors, CanonicalTensors(stored, *config));
  checkpoint.config = std::move(config->model);
  const std::filesystem::path path = std::filesystem::path(folder->path()) / "";
  checkpoint.config.name = path.parent_path().filename().string();
  checkpoint.folder = std::move(folder);
  return checkpoint;
}

}  // namespace steer
