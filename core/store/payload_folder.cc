#include "core/store/payload_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr absl::string_view kSuffix = ".safetensors";
constexpr absl::string_view kTemporarySuffix = ".tmp";
constexpr size_t kIdDigits = 64;

absl::StatusOr<std::vector<std::string>> FileNames(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return FileError(error.value(), folder, "list");
  return names;
}

// The id of "<id>.safetensors"; empty for any other name.
std::string IdOf(const std::string& name) {
  absl::string_view id = name;
  return absl::ConsumeSuffix(&id, kSuffix) && IsSignalId(id) ? std::string(id) : "";
}

bool IsTemporary(absl::string_view name) {
  return absl::EndsWith(name, kTemporarySuffix) && IsSignalId(name.substr(0, kIdDigits));
}

}  // namespace

bool IsSignalId(absl::string_view text) {
  return text.size() == kIdDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string PayloadFolder::PathOf(absl::string_view id) const {
  return absl::StrCat(folder_, "/", id, kSuffix);
}

absl::StatusOr<std::string> PayloadFolder::WriteTemporary(const std::string& id,
                                                          absl::string_view bytes) {
  std::string path = absl::StrCat(folder_, "/", id, ".", ++temporaries_, kTemporarySuffix);
  STEER_RETURN_IF_ERROR(WriteNewFile(path, bytes));
  return path;
}

absl::Status PayloadFolder::Publish(const std::string& temporary, const std::string& id) {
  if (std::rename(temporary.c_str(), PathOf(id).c_str()) != 0) {
    absl::Status status = FileError(errno, temporary, "rename");
    unlink(temporary.c_str());
    return status;
  }
  return SyncDirectory(folder_);
}

void PayloadFolder::Remove(const std::string& id) { unlink(PathOf(id).c_str()); }

absl::StatusOr<FileDescriptor> PayloadFolder::Open(absl::string_view id) const {
  return OpenFile(PathOf(id), O_RDONLY | O_CLOEXEC);
}

absl::Status PayloadFolder::RemoveLeftovers(
    const std::function<absl::StatusOr<bool>(const std::string&)>& known) {
  STEER_ASSIGN_OR_RETURN(const std::vector<std::string> names, FileNames(folder_));
  for (const std::string& name : names) {
    const std::string id = IdOf(name);
    bool leftover = IsTemporary(name);
    if (!id.empty()) {
      STEER_ASSIGN_OR_RETURN(const bool is_known, known(id));
      leftover = !is_known;
    }
    const std::string path = absl::StrCat(folder_, "/", name);
    if (leftover && unlink(path.c_str()) != 0) return FileError(errno, path, "remove");
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> PayloadFolder::HasPayloads() const {
  STEER_ASSIGN_OR_RETURN(const std::vector<std::string> names, FileNames(folder_));
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return !IdOf(name).empty(); });
}

}  // namespace steer
