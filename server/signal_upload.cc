#include "server/signal_upload.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/grpc_status.h"

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

SignalUpload::SignalUpload(Backend* backend, grpc::CallbackServerContext* context,
                           v1::RegisterSignalResponse* response)
    : backend_(*backend), context_(context), response_(response) {
  StartRead(&part_);
}

SignalUpload::~SignalUpload() { backend_.upload_bytes -= charged_; }

void SignalUpload::OnReadDone(bool ok) {
  if (cancelled_) {
    End(absl::CancelledError("the caller has left"));
    return;
  }
  if (ok) {
    const absl::Status taken = Take(part_);
    if (taken.ok()) {
      StartRead(&part_);
    } else {
      End(taken);
    }
    return;
  }
  absl::Status status = CheckComplete();
  if (status.ok()) status = backend_.calls.Post([this] { End(Store()); });
  if (!status.ok()) End(status);
}

absl::Status SignalUpload::Take(v1::RegisterSignalRequest& part) {
  switch (part.part_case()) {
    case v1::RegisterSignalRequest::kHeader: {
      if (header_) return InvalidField("header", "a second header", "one header, then chunks");
      STEER_ASSIGN_OR_RETURN(header_, ToUploadHeader(part.header()));
      return absl::OkStatus();
    }
    case v1::RegisterSignalRequest::kChunk:
      return TakeChunk(part.chunk());
    case v1::RegisterSignalRequest::PART_NOT_SET:
      break;
  }
  return InvalidField("part", "nothing", "header or chunk");
}

absl::Status SignalUpload::TakeChunk(const std::string& chunk) {
  if (!header_) return InvalidField("header", "a chunk first", "the header, then the chunks");
  if (chunk.size() > kMaxChunkBytes) {
    return InvalidField("chunk", absl::StrCat(chunk.size(), " bytes"),
                        absl::StrCat("at most ", kMaxChunkBytes, " bytes"));
  }
  const int64_t size = static_cast<int64_t>(chunk.size());
  const int64_t total = static_cast<int64_t>(file_.size()) + size;
  if (total > header_->size) {
    return DataLoss("SIZE_MISMATCH", "header.size", absl::StrCat(total, " bytes or more"),
                    absl::StrCat(header_->size, " bytes, as the header says"));
  }
  const int64_t in_memory = backend_.upload_bytes += size;
  if (in_memory > kMaxBytesInMemory) {
    backend_.upload_bytes -= size;
    absl::Status full = FieldError(
        absl::StatusCode::kResourceExhausted,
        {"TOO_MANY_UPLOADS", "chunk", "one upload too many",
         absl::StrCat("at most ", kMaxBytesInMemory, " bytes in all uploads that are under way")});
    SetRetryDelayMs(full, kRetryMs);
    return full;
  }
  charged_ += size;
  const auto bytes = std::as_bytes(std::span(chunk));
  file_.insert(file_.end(), bytes.begin(), bytes.end());
  return absl::OkStatus();
}

absl::Status SignalUpload::CheckComplete() const {
  if (!header_) return InvalidField("header", "nothing", "the header as the first message");
  if (static_cast<int64_t>(file_.size()) == header_->size) return absl::OkStatus();
  return DataLoss("SIZE_MISMATCH", "header.size", absl::StrCat(file_.size(), " bytes"),
                  absl::StrCat(header_->size, " bytes, as the header says"));
}

absl::Status SignalUpload::Store() {
  Sha256 hash;
  hash.Update(std::span<const std::byte>(file_));
  const std::string digest = hash.HexDigest();
  if (digest != header_->sha256) {
    return DataLoss("HASH_MISMATCH", "header.sha256", absl::StrCat("a file with SHA-256 ", digest),
                    absl::StrCat(header_->sha256, ", as the header says"));
  }
  STEER_ASSIGN_OR_RETURN(SignalStore::PutResult put,
                         backend_.runtime.RegisterSignal(file_, std::move(header_->labels),
                                                         std::move(header_->description)));
  SignalStore& store = backend_.runtime.signals();
  if (!header_->alias.empty()) {
    STEER_RETURN_IF_ERROR(store.SetAlias(header_->alias, put.record.id, std::nullopt).status());
    STEER_ASSIGN_OR_RETURN(put.record, store.Get(put.record.id));
  }
  *response_->mutable_signal() = ToProto(put.record);
  response_->set_existed(put.existed);
  return absl::OkStatus();
}

void SignalUpload::End(const absl::Status& status) { Finish(ToGrpcStatus(status, *context_)); }

}  // namespace steer
