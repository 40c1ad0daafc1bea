#include "server/grpc_status.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/tokenizer/utf8.h"
#include "steer/v1/common.pb.h"

namespace steer {
namespace {

// The message is percent-encoded on the wire, the detail is base64: together below 8 KiB even if
// every byte needs three.
constexpr size_t kMaxMessageBytes = 1024;
constexpr size_t kMaxDetailBytes = 512;

// Valid UTF-8 of at most about `limit` bytes, with a mark where something was cut.
std::string Printable(absl::string_view text, size_t limit) {
  std::string out;
  AppendValidUtf8(text, &out);
  if (out.size() <= limit) return out;
  out.resize(limit);
  // Not in the middle of a character.
  if (const std::optional<size_t> bad = FirstInvalidUtf8(out)) out.resize(*bad);
  return out + "...";
}

}  // namespace

WireStatus ToWire(const absl::Status& status) {
  WireStatus wire;
  if (status.ok()) return wire;
  wire.status =
      grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                   Printable(absl::string_view(status.message().data(), status.message().size()),
                             kMaxMessageBytes));
  if (const std::optional<ErrorDetail> detail = DetailOf(status)) {
    v1::ErrorDetail message;
    message.set_reason(Printable(detail->reason, kMaxDetailBytes));
    message.set_field(Printable(detail->field, kMaxDetailBytes));
    message.set_got(Printable(detail->got, kMaxDetailBytes));
    message.set_allowed(Printable(detail->allowed, kMaxDetailBytes));
    wire.trailers.emplace_back("steer-error-bin", message.SerializeAsString());
  }
  if (const std::optional<int64_t> delay = RetryDelayMs(status)) {
    wire.trailers.emplace_back("grpc-retry-pushback-ms", absl::StrCat(*delay));
  }
  return wire;
}

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase& context) {
  WireStatus wire = ToWire(status);
  for (const auto& [key, value] : wire.trailers) context.AddTrailingMetadata(key, value);
  return std::move(wire.status);
}

}  // namespace steer
