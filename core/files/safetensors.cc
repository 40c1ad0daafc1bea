#include "core/files/safetensors.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/check.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/byte_reader.h"
#include "core/files/safetensors_header.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as the reference implementation

// A tensor of the header in the order of the file.
struct Placed {
  const std::string* name;
  SafetensorsHeader::Tensor* tensor;
};

std::vector<Placed> InFileOrder(SafetensorsHeader& header) {
  std::vector<Placed> order;
  order.reserve(header.tensors.size());
  for (auto& [name, tensor] : header.tensors) order.push_back({&name, &tensor});
  std::stable_sort(order.begin(), order.end(), [](const Placed& a, const Placed& b) {
    return a.tensor->data_offsets < b.tensor->data_offsets;
  });
  return order;
}

// The tensors lie one behind the other and fill `data`.
absl::StatusOr<std::map<std::string, SafetensorsFile::Tensor>> Place(
    SafetensorsHeader& header, std::span<const std::byte> data) {
  std::map<std::string, SafetensorsFile::Tensor> tensors;
  uint64_t end = 0;
  for (const auto& [name, tensor] : InFileOrder(header)) {
    const uint64_t from = tensor->data_offsets[0];
    const uint64_t to = tensor->data_offsets[1];
    const std::string field = absl::StrCat("tensor ", Quoted(*name), ".data_offsets");
    const std::string got = absl::StrCat("[", from, ", ", to, "]");
    if (from != end || to < from || to > data.size()) {
      return InvalidField(field, got,
                          absl::StrCat("a range that begins at ", end,
                                       ", where the tensor before ends, within the ", data.size(),
                                       " bytes behind the header"));
    }
    const std::optional<int64_t> count = ElementCount(tensor->shape);
    uint64_t size = 0;
    if (!count ||
        __builtin_mul_overflow(static_cast<uint64_t>(*count), SizeOf(tensor->dtype), &size) ||
        size != to - from) {
      return InvalidField(field, got,
                          absl::StrCat("as many bytes as ", Name(tensor->dtype), " of shape ",
                                       ShapeString(tensor->shape), " takes"));
    }
    end = to;
    tensors.emplace(*name, SafetensorsFile::Tensor{tensor->dtype, std::move(tensor->shape),
                                                   data.subspan(from, size)});
  }
  if (end != data.size()) {
    return InvalidField("data", absl::StrCat(data.size(), " bytes"),
                        absl::StrCat("the ", end, " bytes of the tensors"));
  }
  return tensors;
}

// Names of a file we write come from validated values; should one not be UTF-8 after all, the file
// is still readable.
std::string Json(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::Open(
    const std::string& path) {
  STEER_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  auto opened = Read(file->bytes(), file);
  if (!opened.ok()) return Annotate(opened.status(), Quoted(path));
  return opened;
}

absl::StatusOr<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::Parse(
    std::span<const std::byte> bytes) {
  return Read(bytes, nullptr);
}

absl::StatusOr<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::Read(
    std::span<const std::byte> bytes, std::shared_ptr<const MappedFile> file) {
  ByteReader reader(bytes);
  STEER_ASSIGN_OR_RETURN(const uint64_t size, reader.Number<uint64_t>("header size"));
  if (size > kMaxHeaderBytes) {
    return InvalidField("header size", absl::StrCat(size),
                        absl::StrCat("at most ", kMaxHeaderBytes));
  }
  STEER_ASSIGN_OR_RETURN(const std::string json, reader.Text("header", size));
  STEER_ASSIGN_OR_RETURN(SafetensorsHeader header, ParseSafetensorsHeader(json));
  STEER_ASSIGN_OR_RETURN(auto tensors, Place(header, bytes.subspan(reader.offset())));
  return std::shared_ptr<const SafetensorsFile>(
      new SafetensorsFile(std::move(file), std::move(header.metadata), std::move(tensors)));
}

std::string WriteSafetensors(const std::map<std::string, std::string>& metadata,
                             const std::map<std::string, HostTensor>& tensors) {
  std::vector<std::string> entries;
  entries.reserve(tensors.size() + 1);
  if (!metadata.empty()) {
    std::vector<std::string> pairs;
    pairs.reserve(metadata.size());
    for (const auto& [key, value] : metadata) {
      pairs.push_back(absl::StrCat(Json(key), ":", Json(value)));
    }
    entries.push_back(absl::StrCat("\"__metadata__\":{", absl::StrJoin(pairs, ","), "}"));
  }
  uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::optional<int64_t> count = ElementCount(tensor.shape);
    STEER_CHECK(name != "__metadata__" && count &&
                static_cast<uint64_t>(*count) * SizeOf(tensor.dtype) == tensor.data.size());
    entries.push_back(absl::StrCat(Json(name), ":{\"dtype\":\"", Name(tensor.dtype),
                                   "\",\"shape\":[", absl::StrJoin(tensor.shape, ","),
                                   "],\"data_offsets\":[", offset, ",", offset + tensor.data.size(),
                                   "]}"));
    offset += tensor.data.size();
  }
  std::string header = absl::StrCat("{", absl::StrJoin(entries, ","), "}");
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t size = header.size();
  std::string file(reinterpret_cast<const char*>(&size), sizeof size);
  file.reserve(sizeof size + size + offset);
  file += header;
  for (const auto& [name, tensor] : tensors) {
    file.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  }
  return file;
}

}  // namespace steer
