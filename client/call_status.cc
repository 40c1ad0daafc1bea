#include "client/call_status.h"

#include <string>

#include "absl/strings/numbers.h"
#include "core/base/status.h"
#include "steer/v1/common.pb.h"

namespace steer {
namespace {

constexpr char kDetailTrailer[] = "steer-error-bin";
constexpr char kRetryTrailer[] = "grpc-retry-pushback-ms";

}  // namespace

absl::Status ToStatus(const grpc::Status& status,
                      const std::multimap<grpc::string_ref, grpc::string_ref>& trailers) {
  if (status.ok()) return absl::OkStatus();
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  absl::Status result(code, status.error_message());

  v1::ErrorDetail detail;
  if (const auto found = trailers.find(kDetailTrailer);
      found != trailers.end() &&
      detail.ParseFromArray(found->second.data(), static_cast<int>(found->second.size()))) {
    // The server's own message stays; only the payload is taken from the status made here.
    FieldError(code, {detail.reason(), detail.field(), detail.got(), detail.allowed()})
        .ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
          result.SetPayload(url, payload);
        });
  }
  int64_t milliseconds = 0;
  if (const auto found = trailers.find(kRetryTrailer);
      found != trailers.end() &&
      absl::SimpleAtoi(std::string(found->second.data(), found->second.size()), &milliseconds) &&
      milliseconds >= 0) {
    SetRetryDelayMs(result, milliseconds);
  }
  return result;
}

}  // namespace steer
