#include "server/signal_service.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/signal_upload.h"
#include "server/unary.h"

namespace steer {
namespace {

// The same error, about the field of this request that it was about.
absl::Status InField(absl::string_view field, const absl::Status& status) {
  std::optional<ErrorDetail> detail = DetailOf(status);
  if (!detail) return status;
  detail->field = std::string(field);
  return FieldError(status.code(), *std::move(detail));
}

absl::Status Delete(Backend& backend, const v1::DeleteSignalRequest& request) {
  if (!IsSpeltAsId(request.signal_id())) {
    return InvalidField("signal_id", Quoted(request.signal_id()),
                        "64 lower-case hex digits; not an alias, since it may have moved");
  }
  absl::StatusOr<SignalRecord> found = backend.runtime.signals().Get(request.signal_id());
  if (absl::IsNotFound(found.status())) {
    return NotFound("signal_id", "signal", request.signal_id());
  }
  STEER_ASSIGN_OR_RETURN(const SignalRecord record, std::move(found));
  const absl::Status deleted = backend.runtime.DeleteSignal(record.id, request.with_aliases());
  if (!deleted.ok()) return InField("signal_id", deleted);
  for (const std::string& alias : record.aliases) backend.metrics->ForgetAlias(alias);
  return absl::OkStatus();
}

absl::Status MoveAlias(Backend& backend, const v1::SetAliasRequest& request, v1::Alias* response) {
  STEER_RETURN_IF_ERROR(CheckAliasName("name", request.name()));
  std::optional<int64_t> expected;
  if (request.has_expected_version()) {
    expected = request.expected_version();
    if (*expected < 0) {
      return InvalidField("expected_version", absl::StrCat(*expected), "0 or more");
    }
  }
  SignalStore& store = backend.runtime.signals();
  STEER_ASSIGN_OR_RETURN(const SignalRecord signal, store.Get(request.signal()));
  STEER_ASSIGN_OR_RETURN(const AliasRecord alias,
                         store.SetAlias(request.name(), signal.id, expected));
  *response = ToProto(alias);
  return absl::OkStatus();
}

}  // namespace

grpc::ServerReadReactor<v1::RegisterSignalRequest>* SignalService::RegisterSignal(
    grpc::CallbackServerContext* context, v1::RegisterSignalResponse* response) {
  return new SignalUpload(&backend_, context, response);
}

grpc::ServerUnaryReactor* SignalService::GetSignal(grpc::CallbackServerContext* context,
                                                   const v1::GetSignalRequest* request,
                                                   v1::Signal* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const SignalRecord record,
                           backend_.runtime.signals().Get(request->signal()));
    *response = ToProto(record);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SignalService::ListSignals(grpc::CallbackServerContext* context,
                                                     const v1::ListSignalsRequest* request,
                                                     v1::ListSignalsResponse* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const int page_size, ToPageSize(request->page_size()));
    STEER_ASSIGN_OR_RETURN(const Page<SignalRecord> page,
                           backend_.runtime.signals().List(page_size, request->page_token()));
    for (const SignalRecord& record : page.items) *response->add_signals() = ToProto(record);
    response->set_next_page_token(page.next_page_token);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SignalService::DeleteSignal(grpc::CallbackServerContext* context,
                                                      const v1::DeleteSignalRequest* request,
                                                      v1::DeleteSignalResponse*) {
  return RunUnary(backend_.calls, context, [this, request] { return Delete(backend_, *request); });
}

grpc::ServerUnaryReactor* SignalService::SetAlias(grpc::CallbackServerContext* context,
                                                  const v1::SetAliasRequest* request,
                                                  v1::Alias* response) {
  return RunUnary(backend_.calls, context,
                  [this, request, response] { return MoveAlias(backend_, *request, response); });
}

grpc::ServerUnaryReactor* SignalService::DeleteAlias(grpc::CallbackServerContext* context,
                                                     const v1::DeleteAliasRequest* request,
                                                     v1::DeleteAliasResponse*) {
  return RunUnary(backend_.calls, context, [this, request]() -> absl::Status {
    STEER_RETURN_IF_ERROR(CheckAliasName("name", request->name()));
    STEER_RETURN_IF_ERROR(backend_.runtime.signals().DeleteAlias(request->name()));
    backend_.metrics->ForgetAlias(request->name());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SignalService::ListAliases(grpc::CallbackServerContext* context,
                                                     const v1::ListAliasesRequest* request,
                                                     v1::ListAliasesResponse* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    STEER_ASSIGN_OR_RETURN(const int page_size, ToPageSize(request->page_size()));
    STEER_ASSIGN_OR_RETURN(const Page<AliasRecord> page, backend_.runtime.signals().ListAliases(
                                                             page_size, request->page_token()));
    for (const AliasRecord& alias : page.items) *response->add_aliases() = ToProto(alias);
    response->set_next_page_token(page.next_page_token);
    return absl::OkStatus();
  });
}

}  // namespace steer
