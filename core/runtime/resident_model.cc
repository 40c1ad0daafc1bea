#include "core/runtime/resident_model.h"

#include <algorithm>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint.h"
#include "core/runtime/load_log.h"
#include "core/runtime/model_marks.h"
#include "core/tokenizer/chat_template_source.h"

namespace steer {
namespace {

absl::StatusOr<at::ScalarType> ParseDtype(const std::string& dtype) {
  if (dtype == "f32") return at::kFloat;
  if (dtype == "bf16") return at::kBFloat16;
  return InvalidField("dtype", absl::StrCat("'", dtype, "'"), "bf16 or f32");
}

ModelInfo InfoOf(const ResidentModel& model, ModelMarks marks, const std::string& dtype) {
  const ModelConfig& config = *model.config;
  ModelInfo info;
  info.name = config.name;
  info.architecture = config.architecture;
  info.marks = std::move(marks);
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

absl::StatusOr<at::Device> DeviceOf(const char* field, const std::string& pool) {
  absl::StatusOr<at::Device> parsed =
      CatchTorch("device", [&]() -> absl::StatusOr<at::Device> { return at::Device(pool); });
  if (parsed.ok() && parsed->is_cpu()) return at::Device(at::kCPU);
  if (parsed.ok() && parsed->is_cuda() && at::hasCUDA()) return parsed;
  return InvalidField(
      field, absl::StrCat("'", pool, "'"),
      at::hasCUDA() ? "cpu:N or cuda:N" : "cpu:N: this libtorch has no CUDA device");
}

absl::StatusOr<std::vector<at::Device>> DevicesOf(const RuntimeOptions& options) {
  STEER_ASSIGN_OR_RETURN(const std::vector<PoolDevice> pools, PoolDevicesOf(options));
  std::vector<at::Device> devices;
  for (const PoolDevice& pool : pools) {
    if (std::find(devices.begin(), devices.end(), pool.device) == devices.end()) {
      devices.push_back(pool.device);
    }
  }
  return devices;
}

// A model without a template, or with one that is not rendered here, still takes raw prompts; a
// template that the operator named must work.
absl::Status LoadChat(const Checkpoint& checkpoint, const std::string& path, ResidentModel& model) {
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> named, ReadChatTemplateFile(path));
  absl::StatusOr<ChatTemplateSource> source =
      checkpoint.gguf != nullptr ? ReadChatTemplate(*checkpoint.gguf, *model.tokenizer, named)
                                 : ReadChatTemplate(*checkpoint.folder, named);
  if (absl::IsNotFound(source.status())) return absl::OkStatus();
  STEER_RETURN_IF_ERROR(source.status());
  absl::StatusOr<std::unique_ptr<const ChatTemplate>> chat =
      ChatTemplate::Create(*std::move(source), model.tokenizer.get());
  if (!chat.ok() && named) return chat.status();
  if (chat.ok()) {
    model.chat = *std::move(chat);
  } else {
    LogNoTemplate(chat.status());
  }
  return absl::OkStatus();
}

absl::Status LoadText(const Checkpoint& checkpoint, const RuntimeOptions& options,
                      ResidentModel& model) {
  STEER_ASSIGN_OR_RETURN(model.tokenizer, checkpoint.gguf != nullptr
                                              ? Tokenizer::FromGguf(*checkpoint.gguf)
                                              : Tokenizer::FromFolder(*checkpoint.folder));
  return LoadChat(checkpoint, options.chat_template_path, model);
}

absl::StatusOr<GenerationConfig> GenerationOf(const RuntimeOptions& options,
                                              const Checkpoint& checkpoint) {
  if (!options.generation_config_path.empty()) {
    return ReadGenerationConfig(options.generation_config_path);
  }
  return checkpoint.gguf != nullptr ? GenerationConfigOf(*checkpoint.gguf)
                                    : GenerationConfigOf(*checkpoint.folder);
}

absl::StatusOr<Checkpoint> Reopened(const Checkpoint& checkpoint) {
  return checkpoint.gguf != nullptr ? Checkpoint::FromGguf(checkpoint.gguf)
                                    : Checkpoint::FromFolder(checkpoint.folder);
}

}  // namespace

absl::StatusOr<std::vector<PoolDevice>> PoolDevicesOf(const RuntimeOptions& options) {
  std::vector<PoolDevice> pools;
  for (const std::string& name : options.devices) {
    STEER_ASSIGN_OR_RETURN(const at::Device device, DeviceOf("devices", name));
    pools.push_back({name, device});
  }
  const std::string& learning = options.learning_device;
  if (learning.empty()) return pools;
  STEER_ASSIGN_OR_RETURN(const at::Device device, DeviceOf("learning_device", learning));
  pools.push_back({learning, device, /*serves=*/false});
  return pools;
}

absl::StatusOr<ResidentModel> ResidentModel::Load(const RuntimeOptions& options) {
  STEER_ASSIGN_OR_RETURN(const at::ScalarType dtype, ParseDtype(options.dtype));
  STEER_ASSIGN_OR_RETURN(const std::vector<at::Device> devices, DevicesOf(options));
  STEER_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(options.model_path));
  ResidentModel model;
  model.config = std::make_shared<const ModelConfig>(checkpoint.config);
  STEER_RETURN_IF_ERROR(LoadText(checkpoint, options, model));
  STEER_ASSIGN_OR_RETURN(const GenerationConfig generation, GenerationOf(options, checkpoint));
  // Hashing takes one core about as long as the weights take the others.
  STEER_ASSIGN_OR_RETURN(const Checkpoint hashed, Reopened(checkpoint));
  std::future<ModelMarks> marks =
      std::async(std::launch::async, [&] { return MarksOf(hashed, *model.tokenizer); });
  for (const at::Device& device : devices) {
    if (!model.decoders.empty()) {
      // Tensors are handed out once; the files stay open.
      STEER_ASSIGN_OR_RETURN(checkpoint, Reopened(checkpoint));
    }
    STEER_ASSIGN_OR_RETURN(std::shared_ptr<const Decoder> decoder,
                           Decoder::Load(checkpoint, dtype, device, LogLoading(device.str())));
    model.decoders.push_back(std::move(decoder));
  }
  model.info = InfoOf(model, marks.get(), options.dtype);
  model.info.generation = generation;
  return model;
}

}  // namespace steer
