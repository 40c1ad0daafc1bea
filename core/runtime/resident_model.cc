#include "core/runtime/resident_model.h"

#include <algorithm>
#include <string>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/model_marks.h"

namespace steer {
namespace {

absl::StatusOr<at::ScalarType> ParseDtype(const std::string& dtype) {
  if (dtype == "f32") return at::kFloat;
  if (dtype == "bf16") return at::kBFloat16;
  return InvalidField("dtype", absl::StrCat("'", dtype, "'"), "bf16 or f32");
}

ModelInfo InfoOf(const ResidentModel& model, const GgufFile& file, const std::string& dtype) {
  const ModelConfig& config = *model.config;
  ModelInfo info;
  info.name = config.name;
  info.architecture = config.architecture;
  info.marks = MarksOf(config, *model.tokenizer, file);
  info.fingerprint = absl::StrCat(info.marks.shape, ":", info.marks.weights);
  info.shape = config.shape();
  info.heads = config.heads;
  info.kv_heads = config.kv_heads;
  info.head_dim = config.head_dim;
  info.vocabulary = config.vocabulary;
  info.parameters = model.decoder().parameters();
  info.context_limit = config.context_limit;
  info.dtype = dtype;
  info.has_chat_template = model.chat != nullptr;
  if (model.chat != nullptr) info.default_system = model.chat->default_system();
  for (int kind = 0; kind < kSiteKinds; ++kind) {
    info.site_kinds.emplace_back(Name(static_cast<SiteKind>(kind)));
  }
  return info;
}

}  // namespace

absl::StatusOr<at::Device> DeviceOf(const std::string& pool) {
  absl::StatusOr<at::Device> parsed =
      CatchTorch("device", [&]() -> absl::StatusOr<at::Device> { return at::Device(pool); });
  if (parsed.ok() && parsed->is_cpu()) return at::Device(at::kCPU);
  if (parsed.ok() && parsed->is_cuda() && at::hasCUDA()) return parsed;
  return InvalidField(
      "devices", absl::StrCat("'", pool, "'"),
      at::hasCUDA() ? "cpu:N or cuda:N" : "cpu:N: this libtorch has no CUDA device");
}

absl::StatusOr<ResidentModel> ResidentModel::Load(const RuntimeOptions& options) {
  STEER_ASSIGN_OR_RETURN(const at::ScalarType dtype, ParseDtype(options.dtype));
  std::vector<at::Device> devices;
  for (const std::string& name : options.devices) {
    STEER_ASSIGN_OR_RETURN(const at::Device device, DeviceOf(name));
    if (std::find(devices.begin(), devices.end(), device) == devices.end()) {
      devices.push_back(device);
    }
  }
  STEER_ASSIGN_OR_RETURN(const std::shared_ptr<const GgufFile> file,
                         GgufFile::Open(options.model_path));
  STEER_ASSIGN_OR_RETURN(ModelConfig config, ModelConfig::FromGguf(*file));
  ResidentModel model;
  model.config = std::make_shared<const ModelConfig>(std::move(config));
  STEER_ASSIGN_OR_RETURN(model.tokenizer, Tokenizer::FromGguf(*file));
  // A file without a template, or with one that is not rendered here, still takes raw prompts.
  absl::StatusOr<std::unique_ptr<const ChatTemplate>> chat =
      ChatTemplate::FromGguf(*file, model.tokenizer.get());
  if (chat.ok()) model.chat = *std::move(chat);
  GenerationConfig generation;
  if (options.generation_config_path.empty()) {
    STEER_ASSIGN_OR_RETURN(generation, GenerationConfigOf(*file));
  } else {
    STEER_ASSIGN_OR_RETURN(generation, ReadGenerationConfig(options.generation_config_path));
  }
  for (const at::Device& device : devices) {
    STEER_ASSIGN_OR_RETURN(std::shared_ptr<const Decoder> decoder,
                           Decoder::Load(*file, *model.config, dtype, device));
    model.decoders.push_back(std::move(decoder));
  }
  model.info = InfoOf(model, *file, options.dtype);
  model.info.generation = generation;
  return model;
}

}  // namespace steer
