#include "core/files/model_folder.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/safetensors.h"

namespace steer {
namespace {

constexpr char kConfig[] = "config.json";
constexpr char kSingle[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";
constexpr int64_t kMaxText = int64_t{256} << 20;

std::string PathOf(const std::string& folder, absl::string_view name) {
  return (std::filesystem::path(folder) / std::string(name)).string();
}

absl::StatusOr<Encoding> EncodingOf(const std::string& tensor, DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return Encoding::kF32;
    case DType::kF16:
      return Encoding::kF16;
    case DType::kBF16:
      return Encoding::kBF16;
    default:
      return FieldError(
          absl::StatusCode::kUnimplemented,
          {"UNSUPPORTED_WEIGHTS", tensor, std::string(Name(dtype)), "F32, F16 or BF16"});
  }
}

// Shard by tensor, as the index tells it.
absl::StatusOr<std::map<std::string, std::string>> ReadIndex(const std::string& text) {
  const nlohmann::json index = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object() || map->empty()) {
    return InvalidField(kIndex, "no object weight_map", "a JSON object with one");
  }
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || name.find('/') != std::string::npos) {
      return InvalidField(absl::StrCat(kIndex, ": weight_map[", Quoted(tensor), "]"),
                          shard.type_name(), "the name of a file in the same folder");
    }
    shards[tensor] = name;
  }
  return shards;
}

absl::Status AddFile(const std::string& path, TensorMap& tensors) {
  STEER_ASSIGN_OR_RETURN(const std::shared_ptr<const SafetensorsFile> file,
                         SafetensorsFile::Open(path));
  for (const auto& [name, tensor] : file->tensors()) {
    STEER_ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(name, tensor.dtype));
    STEER_RETURN_IF_ERROR(tensors.Add(name, {encoding, tensor.shape, tensor.bytes, file->file()}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ModelFolder>> ModelFolder::Open(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(PathOf(path, kConfig), error)) {
    return std::shared_ptr<const ModelFolder>(new ModelFolder(path));
  }
  return FieldError(absl::StatusCode::kNotFound,
                    {"NO_MODEL", "model", absl::StrCat("'", path, "'"),
                     "a GGUF file, or a folder with config.json and safetensors"});
}

absl::StatusOr<std::optional<std::string>> ModelFolder::Text(absl::string_view name) const {
  const std::string path = PathOf(path_, name);
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::optional<std::string>();
  const auto size = std::filesystem::file_size(path, error);
  if (error || size > static_cast<uintmax_t>(kMaxText)) {
    return InvalidField(path, error ? error.message() : absl::StrCat(size, " bytes"),
                        absl::StrCat("a readable file of up to ", kMaxText, " bytes"));
  }
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  if (in.bad() || text.size() != size) return InvalidField(path, "a read error", "a readable file");
  return std::optional<std::string>(std::move(text));
}

absl::StatusOr<TensorMap> ModelFolder::Tensors() const {
  TensorMap tensors;
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> text, Text(kIndex));
  if (!text) {
    STEER_RETURN_IF_ERROR(AddFile(PathOf(path_, kSingle), tensors));
    return tensors;
  }
  STEER_ASSIGN_OR_RETURN(const auto shards, ReadIndex(*text));
  std::map<std::string, TensorMap> files;
  for (const auto& [tensor, shard] : shards) {
    if (!files.contains(shard)) STEER_RETURN_IF_ERROR(AddFile(PathOf(path_, shard), files[shard]));
    if (!files[shard].Contains(tensor)) {
      return InvalidField(shard, absl::StrCat("no tensor ", Quoted(tensor)),
                          absl::StrCat("what ", kIndex, " says is in it"));
    }
  }
  for (const auto& [shard, file] : files) {
    STEER_RETURN_IF_ERROR(AddFile(PathOf(path_, shard), tensors));
    absl::Status listed;
    file.ForEach([&](const std::string& name, const StoredTensor&) {
      const auto found = shards.find(name);
      if (!listed.ok() || (found != shards.end() && found->second == shard)) return;
      listed = InvalidField(shard, absl::StrCat("tensor ", Quoted(name)),
                            absl::StrCat("only what ", kIndex, " says is in it"));
    });
    STEER_RETURN_IF_ERROR(listed);
  }
  return tensors;
}

}  // namespace steer
