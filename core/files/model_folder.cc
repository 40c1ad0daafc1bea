#include "core/files/model_folder.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/safetensors.h"
#include "nlohmann/json.hpp"

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
    if (!absl::EndsWith(name, ".safetensors") || name.find('/') != std::string::npos ||
        name.find('\0') != std::string::npos) {
      return InvalidField(absl::StrCat(kIndex, ": weight_map[", Quoted(tensor), "]"),
                          shard.is_string() ? Quoted(name) : shard.type_name(),
                          "the name of a safetensors file in the same folder");
    }
    shards[tensor] = name;
  }
  return shards;
}

absl::Status AddFile(const SafetensorsFile& file, TensorMap& tensors) {
  for (const auto& [name, tensor] : file.tensors()) {
    STEER_ASSIGN_OR_RETURN(const Encoding encoding, EncodingOf(name, tensor.dtype));
    STEER_RETURN_IF_ERROR(tensors.Add(name, {encoding, tensor.shape, tensor.bytes, file.file()}));
  }
  return absl::OkStatus();
}

// Every tensor of a shard is in the index, and the index puts it into this shard.
absl::Status CheckShard(const std::string& shard, const SafetensorsFile& file,
                        const std::map<std::string, std::string>& index) {
  for (const auto& [name, tensor] : file.tensors()) {
    const auto found = index.find(name);
    if (found != index.end() && found->second == shard) continue;
    return InvalidField(shard, absl::StrCat("tensor ", Quoted(name)),
                        absl::StrCat("only what ", kIndex, " says is in it"));
  }
  return absl::OkStatus();
}

// How many bytes the well-formed character at `text` has; 0 if there is none.
size_t CharacterBytes(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  // The second byte keeps overlong forms, surrogates and what is beyond U+10FFFF out.
  const uint8_t least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (size_t i = 2; i < size; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  }
  return size;
}

absl::Status CheckUtf8(const std::string& path, absl::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t size = CharacterBytes(text.substr(at));
    if (size == 0) {
      return InvalidField(path, absl::StrCat("something else at byte ", at), "UTF-8");
    }
    at += size;
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
  STEER_RETURN_IF_ERROR(CheckUtf8(path, text));
  return std::optional<std::string>(std::move(text));
}

absl::StatusOr<TensorMap> ModelFolder::Tensors() const {
  TensorMap tensors;
  STEER_ASSIGN_OR_RETURN(const std::optional<std::string> text, Text(kIndex));
  if (!text) {
    STEER_ASSIGN_OR_RETURN(const auto file, SafetensorsFile::Open(PathOf(path_, kSingle)));
    STEER_RETURN_IF_ERROR(AddFile(*file, tensors));
    return tensors;
  }
  STEER_ASSIGN_OR_RETURN(const auto index, ReadIndex(*text));
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : index) shards.insert(shard);
  for (const std::string& shard : shards) {
    STEER_ASSIGN_OR_RETURN(const auto file, SafetensorsFile::Open(PathOf(path_, shard)));
    STEER_RETURN_IF_ERROR(CheckShard(shard, *file, index));
    STEER_RETURN_IF_ERROR(AddFile(*file, tensors));
  }
  for (const auto& [tensor, shard] : index) {
    if (tensors.Contains(tensor)) continue;
    return InvalidField(shard, absl::StrCat("no tensor ", Quoted(tensor)),
                        absl::StrCat("what ", kIndex, " says is in it"));
  }
  return tensors;
}

}  // namespace steer
