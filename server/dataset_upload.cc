#include "server/dataset_upload.h"

#include <utility>

#include "server/answers.h"

namespace steer {

absl::StatusOr<FileMark> DatasetUpload::TakeHeader(const v1::UploadDatasetRequest& part) {
  STEER_ASSIGN_OR_RETURN(header_, ToDatasetHeader(part.header()));
  return header_.file;
}

absl::Status DatasetUpload::Store(const std::vector<std::byte>& file) {
  const absl::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  STEER_ASSIGN_OR_RETURN(const DatasetRecord record,
                         backend().runtime.PutDataset(text, header_.reading, header_.name,
                                                      std::move(header_.description)));
  *response_ = ToProto(record);
  return absl::OkStatus();
}

}  // namespace steer
