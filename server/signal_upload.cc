#include "server/signal_upload.h"

#include <optional>
#include <utility>

#include "server/answers.h"

namespace steer {

absl::StatusOr<FileMark> SignalUpload::TakeHeader(const v1::RegisterSignalRequest& part) {
  STEER_ASSIGN_OR_RETURN(header_, ToUploadHeader(part.header()));
  return header_.file;
}

absl::Status SignalUpload::Store(const std::vector<std::byte>& file) {
  STEER_ASSIGN_OR_RETURN(SignalStore::PutResult put,
                         backend().runtime.RegisterSignal(file, std::move(header_.labels),
                                                          std::move(header_.description)));
  SignalStore& store = backend().runtime.signals();
  if (!header_.alias.empty()) {
    STEER_RETURN_IF_ERROR(store.SetAlias(header_.alias, put.record.id, std::nullopt).status());
    STEER_ASSIGN_OR_RETURN(put.record, store.Get(put.record.id));
  }
  *response_->mutable_signal() = ToProto(put.record);
  response_->set_existed(put.existed);
  return absl::OkStatus();
}

}  // namespace steer
