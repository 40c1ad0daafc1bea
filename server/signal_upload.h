#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/backend.h"
#include "server/convert.h"
#include "steer/v1/signal.pb.h"

namespace steer {

// One RegisterSignal call: a header, then the file in chunks, then hash, store and alias on a
// worker. Memory grows with what has come, never with what the header promises. Deletes itself when
// the call is over.
class SignalUpload final : public grpc::ServerReadReactor<v1::RegisterSignalRequest> {
 public:
  SignalUpload(Backend* backend, grpc::CallbackServerContext* context,
               v1::RegisterSignalResponse* response);
  ~SignalUpload() override;

  void OnReadDone(bool ok) override;
  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  absl::Status Take(v1::RegisterSignalRequest& part);
  absl::Status TakeChunk(const std::string& chunk);
  absl::Status CheckComplete() const;
  absl::Status Store();
  void End(const absl::Status& status);

  Backend& backend_;
  grpc::CallbackServerContext* const context_;
  v1::RegisterSignalResponse* const response_;
  v1::RegisterSignalRequest part_;
  std::optional<UploadHeader> header_;
  std::vector<std::byte> file_;
  int64_t charged_ = 0;  // of Backend::upload_bytes
  std::atomic<bool> cancelled_{false};
};

}  // namespace steer
