#include "core/files/gguf.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/gguf_parser.h"

namespace steer {
namespace {

// In the order of the alternatives of Value.
constexpr absl::string_view kKinds[] = {"an integer",
                                        "a float",
                                        "a boolean",
                                        "a string",
                                        "an array of integers",
                                        "an array of floats",
                                        "an array of booleans",
                                        "an array of strings"};

template <typename T>
absl::StatusOr<T> As(const GgufFile::Value* value, absl::string_view key) {
  const absl::string_view wanted = kKinds[GgufFile::Value(T()).index()];
  if (value == nullptr) {
    return FieldError(absl::StatusCode::kNotFound,
                      {"NOT_FOUND", std::string(key), "no such key", std::string(wanted)});
  }
  if (const T* const held = std::get_if<T>(value)) return *held;
  return InvalidField(key, kKinds[value->index()], wanted);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const GgufFile>> GgufFile::Open(const std::string& path) {
  STEER_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> file, MappedFile::Open(path));
  auto opened = Read(file->bytes(), file);
  if (!opened.ok()) return Annotate(opened.status(), Quoted(path));
  return opened;
}

absl::StatusOr<std::shared_ptr<const GgufFile>> GgufFile::Parse(std::span<const std::byte> bytes) {
  return Read(bytes, nullptr);
}

absl::StatusOr<std::shared_ptr<const GgufFile>> GgufFile::Read(
    std::span<const std::byte> bytes, std::shared_ptr<const MappedFile> file) {
  STEER_ASSIGN_OR_RETURN(GgufContents contents, ParseGguf(bytes));
  return std::shared_ptr<const GgufFile>(
      new GgufFile(std::move(file), std::move(contents.metadata), std::move(contents.tensors)));
}

const GgufFile::Value* GgufFile::Find(absl::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

absl::StatusOr<int64_t> GgufFile::Int(absl::string_view key) const {
  return As<int64_t>(Find(key), key);
}

absl::StatusOr<double> GgufFile::Float(absl::string_view key) const {
  const Value* const value = Find(key);
  if (value != nullptr && std::holds_alternative<int64_t>(*value)) {
    return static_cast<double>(std::get<int64_t>(*value));
  }
  return As<double>(value, key);
}

absl::StatusOr<std::string> GgufFile::String(absl::string_view key) const {
  return As<std::string>(Find(key), key);
}

absl::StatusOr<std::vector<std::string>> GgufFile::Strings(absl::string_view key) const {
  return As<std::vector<std::string>>(Find(key), key);
}

absl::StatusOr<std::vector<int64_t>> GgufFile::Ints(absl::string_view key) const {
  return As<std::vector<int64_t>>(Find(key), key);
}

absl::StatusOr<int64_t> GgufFile::IntOr(absl::string_view key, int64_t fallback) const {
  if (Find(key) == nullptr) return fallback;
  return Int(key);
}

absl::StatusOr<double> GgufFile::FloatOr(absl::string_view key, double fallback) const {
  if (Find(key) == nullptr) return fallback;
  return Float(key);
}

absl::StatusOr<bool> GgufFile::BoolOr(absl::string_view key, bool fallback) const {
  const Value* const value = Find(key);
  if (value == nullptr) return fallback;
  return As<bool>(value, key);
}

absl::StatusOr<std::string> GgufFile::StringOr(absl::string_view key, std::string fallback) const {
  if (Find(key) == nullptr) return fallback;
  return String(key);
}

std::vector<std::string> GgufFile::KeysFrom(absl::string_view prefix) const {
  std::vector<std::string> keys;
  for (auto at = metadata_.lower_bound(std::string(prefix));
       at != metadata_.end() && absl::StartsWith(at->first, prefix); ++at) {
    keys.push_back(at->first);
  }
  return keys;
}

TensorMap GgufFile::tensors() const {
  TensorMap map;
  for (const auto& [name, stored] : tensors_) {
    StoredTensor tensor = stored;
    tensor.file = file_;
    // Names are distinct: the parser refuses duplicates.
    STEER_CHECK(map.Add(name, std::move(tensor)).ok());
  }
  return map;
}

}  // namespace steer
