#pragma once

#include <vector>

#include "server/convert.h"
#include "server/upload.h"
#include "steer/v1/signal.pb.h"

namespace steer {

// One RegisterSignal call.
class SignalUpload final : public Upload<v1::RegisterSignalRequest> {
 public:
  SignalUpload(Backend* backend, grpc::CallbackServerContext* context,
               v1::RegisterSignalResponse* response)
      : Upload(backend, context), response_(response) {}

 private:
  absl::StatusOr<FileMark> TakeHeader(const v1::RegisterSignalRequest& part) override;
  absl::Status Store(const std::vector<std::byte>& file) override;

  v1::RegisterSignalResponse* const response_;
  UploadHeader header_;
};

}  // namespace steer
