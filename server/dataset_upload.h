#pragma once

#include <vector>

#include "server/convert.h"
#include "server/upload.h"
#include "steer/v1/learning.pb.h"

namespace steer {

// One UploadDataset call.
class DatasetUpload final : public Upload<v1::UploadDatasetRequest> {
 public:
  DatasetUpload(Backend* backend, grpc::CallbackServerContext* context, v1::Dataset* response)
      : Upload(backend, context), response_(response) {}

 private:
  absl::StatusOr<FileMark> TakeHeader(const v1::UploadDatasetRequest& part) override;
  absl::Status Store(const std::vector<std::byte>& file) override;

  v1::Dataset* const response_;
  DatasetHeader header_;
};

}  // namespace steer
