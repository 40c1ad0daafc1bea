#include "server/upload.h"

#include <span>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"

namespace steer {
namespace {

constexpr int64_t kMaxBytesInMemory = 2 * kMaxUploadBytes;
constexpr int64_t kRetryMs = 1000;

absl::Status DataLoss(absl::string_view reason, absl::string_view field, absl::string_view got,
                      absl::string_view allowed) {
  return FieldError(absl::StatusCode::kDataLoss, {std::string(reason), std::string(field),
                                                  std::string(got), std::string(allowed)});
}

}  // namespace

absl::Status UploadedFile::Begin(FileMark mark) {
  if (mark_) return InvalidField("header", "a second header", "one header, then chunks");
  mark_ = std::move(mark);
  return absl::OkStatus();
}

absl::Status UploadedFile::Add(const std::string& chunk) {
  if (!mark_) return InvalidField("header", "a chunk first", "the header, then the chunks");
  if (chunk.size() > kMaxChunkBytes) {
    return InvalidField("chunk", absl::StrCat(chunk.size(), " bytes"),
                        absl::StrCat("at most ", kMaxChunkBytes, " bytes"));
  }
  const int64_t size = static_cast<int64_t>(chunk.size());
  const int64_t total = static_cast<int64_t>(bytes_.size()) + size;
  if (total > mark_->size) {
    return DataLoss("SIZE_MISMATCH", "header.size", absl::StrCat(total, " bytes or more"),
                    absl::StrCat(mark_->size, " bytes, as the header says"));
  }
  const int64_t in_memory = in_memory_ += size;
  if (in_memory > kMaxBytesInMemory) {
    in_memory_ -= size;
    absl::Status full = FieldError(
        absl::StatusCode::kResourceExhausted,
        {"TOO_MANY_UPLOADS", "chunk", "one upload too many",
         absl::StrCat("at most ", kMaxBytesInMemory, " bytes in all uploads that are under way")});
    SetRetryDelayMs(full, kRetryMs);
    return full;
  }
  charged_ += size;
  const auto bytes = std::as_bytes(std::span(chunk));
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  return absl::OkStatus();
}

absl::Status UploadedFile::CheckSize() const {
  if (!mark_) return InvalidField("header", "nothing", "the header as the first message");
  if (static_cast<int64_t>(bytes_.size()) == mark_->size) return absl::OkStatus();
  return DataLoss("SIZE_MISMATCH", "header.size", absl::StrCat(bytes_.size(), " bytes"),
                  absl::StrCat(mark_->size, " bytes, as the header says"));
}

absl::Status UploadedFile::CheckHash() const {
  Sha256 hash;
  hash.Update(std::span<const std::byte>(bytes_));
  const std::string digest = hash.HexDigest();
  if (digest == mark_->sha256) return absl::OkStatus();
  return DataLoss("HASH_MISMATCH", "header.sha256", absl::StrCat("a file with SHA-256 ", digest),
                  absl::StrCat(mark_->sha256, ", as the header says"));
}

}  // namespace steer
