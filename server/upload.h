#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/backend.h"
#include "server/convert.h"
#include "server/grpc_status.h"

namespace steer {

// A file that comes in chunks. Memory grows with what has come, never with what the header
// promises; what all uploads hold together is bounded. Not thread-safe.
class UploadedFile {
 public:
  // `in_memory`: of all uploads under way.
  explicit UploadedFile(std::atomic<int64_t>* in_memory) : in_memory_(*in_memory) {}
  ~UploadedFile() { in_memory_ -= charged_; }
  UploadedFile(const UploadedFile&) = delete;
  UploadedFile& operator=(const UploadedFile&) = delete;

  absl::Status Begin(FileMark mark);
  absl::Status Add(const std::string& chunk);
  // DATA_LOSS unless size and hash are what the header said.
  absl::Status CheckSize() const;
  absl::Status CheckHash() const;
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::atomic<int64_t>& in_memory_;
  std::optional<FileMark> mark_;
  std::vector<std::byte> bytes_;
  int64_t charged_ = 0;
};

// One call that uploads a file: a message with `header`, then those with `chunk`, then hash and
// store on a worker. Deletes itself when the call is over.
template <typename Request>
class Upload : public grpc::ServerReadReactor<Request> {
 public:
  Upload(Backend* backend, grpc::CallbackServerContext* context)
      : backend_(*backend), context_(context), file_(&backend->upload_bytes) {
    this->StartRead(&part_);
  }

  void OnReadDone(bool ok) override {
    if (cancelled_) {
      End(absl::CancelledError("the caller has left"));
      return;
    }
    if (ok) {
      const absl::Status taken = Take();
      if (taken.ok()) {
        this->StartRead(&part_);
      } else {
        End(taken);
      }
      return;
    }
    absl::Status status = file_.CheckSize();
    if (status.ok()) status = backend_.calls.Post([this] { End(CheckAndStore()); });
    if (!status.ok()) End(status);
  }
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 protected:
  virtual absl::StatusOr<FileMark> TakeHeader(const Request& part) = 0;
  virtual absl::Status Store(const std::vector<std::byte>& file) = 0;
  Backend& backend() { return backend_; }

 private:
  absl::Status Take() {
    switch (part_.part_case()) {
      case Request::kHeader: {
        STEER_ASSIGN_OR_RETURN(FileMark mark, TakeHeader(part_));
        return file_.Begin(std::move(mark));
      }
      case Request::kChunk:
        return file_.Add(part_.chunk());
      case Request::PART_NOT_SET:
        break;
    }
    return InvalidField("part", "nothing", "header or chunk");
  }

  absl::Status CheckAndStore() {
    STEER_RETURN_IF_ERROR(file_.CheckHash());
    return Store(file_.bytes());
  }

  void End(const absl::Status& status) { this->Finish(ToGrpcStatus(status, *context_)); }

  Backend& backend_;
  grpc::CallbackServerContext* const context_;
  Request part_;
  UploadedFile file_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace steer
