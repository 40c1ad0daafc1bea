#include "server/model_service.h"

#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "server/answers.h"
#include "server/convert.h"
#include "server/unary.h"

namespace steer {

grpc::ServerUnaryReactor* ModelService::GetModel(grpc::CallbackServerContext* context,
                                                 const v1::GetModelRequest*, v1::Model* response) {
  *response = ToProto(backend_.runtime.model(), backend_.runtime.pools());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* ModelService::Tokenize(grpc::CallbackServerContext* context,
                                                 const v1::TokenizeRequest* request,
                                                 v1::TokenizeResponse* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    if (request->prompt().has_tokens()) {
      return InvalidField("prompt.tokens", "tokens", "chat or text");
    }
    STEER_ASSIGN_OR_RETURN(const PromptSpec prompt, ToPromptSpec(request->prompt()));
    STEER_ASSIGN_OR_RETURN(const TokenizedText text, backend_.runtime.Tokenize(prompt));
    *response = ToProto(text);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ModelService::Detokenize(grpc::CallbackServerContext* context,
                                                   const v1::DetokenizeRequest* request,
                                                   v1::DetokenizeResponse* response) {
  return RunUnary(backend_.calls, context, [this, request, response]() -> absl::Status {
    const std::vector<TokenId> ids(request->ids().begin(), request->ids().end());
    STEER_ASSIGN_OR_RETURN(*response->mutable_text(),
                           backend_.runtime.Detokenize(ids, request->with_special()));
    return absl::OkStatus();
  });
}

}  // namespace steer
