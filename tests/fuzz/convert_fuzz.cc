#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/check.h"
#include "core/base/status.h"
#include "core/tokenizer/utf8.h"
#include "google/protobuf/stubs/logging.h"
#include "server/convert.h"

namespace steer {
namespace {

// An error goes back to the caller: the code says whose fault it is, the detail what is wrong, and
// all of it fits into the strings of a message.
void CheckRefusal(const absl::Status& status) {
  if (status.ok()) return;
  STEER_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  STEER_CHECK(!FirstInvalidUtf8(status.message()));
  const std::optional<ErrorDetail> detail = DetailOf(status);
  STEER_CHECK(detail.has_value());
  STEER_CHECK(!detail->field.empty() && !detail->allowed.empty());
  for (const std::string* text : {&detail->field, &detail->got, &detail->allowed}) {
    STEER_CHECK(!FirstInvalidUtf8(*text));
  }
}

// What gRPC refuses to parse never reaches a converter.
template <typename Request, typename Convert>
void Try(const std::string& bytes, const Convert& convert) {
  Request request;
  if (request.ParseFromString(bytes)) CheckRefusal(convert(request).status());
}

void TryNames(const std::string& bytes) {
  CheckRefusal(CheckUtf8("field", bytes));
  if (FirstInvalidUtf8(bytes)) return;  // a `string` of a message that was parsed is UTF-8
  const absl::Status alias = CheckAliasName("alias", bytes);
  CheckRefusal(alias);
  STEER_CHECK(!(alias.ok() && IsSpeltAsId(bytes)));
}

}  // namespace
}  // namespace steer

// The first byte says which converter gets the rest.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace steer;
  if (size == 0) return 0;
  // It writes a line for each message that it refuses.
  const google::protobuf::LogSilencer silencer;
  const std::string bytes(data + 1, data + size);
  switch (data[0]) {
    case 'P':
      Try<v1::Prompt>(bytes, &ToPromptSpec);
      break;
    case 'G':
      Try<v1::GenerateRequest>(bytes, &ToGenerateSpec);
      break;
    case 'U':
      Try<v1::UpdateGenerationRequest>(bytes, &ToMultiplierUpdate);
      break;
    case 'S':
      Try<v1::ScoreRequest>(bytes, &ToScoreSpecs);
      break;
    case 'W':
      Try<v1::SweepRequest>(bytes, &ToSweepSpecs);
      break;
    case 'F':
      Try<v1::FitCurveRequest>(bytes, &ToFitSpec);
      break;
    case 'M':
      Try<v1::RecommendMultiplierRequest>(bytes, &ToRecommendSpec);
      break;
    case 'T':
      Try<v1::MeasureTextRequest>(bytes, &ToTextSpec);
      break;
    case 'V':
      Try<v1::ViewManifoldRequest>(bytes, &ToManifoldSpec);
      break;
    case 'L':
      Try<v1::StartJobRequest>(bytes, &ToLearnSpec);
      break;
    case 'R':
      Try<v1::RegisterSignalHeader>(bytes, &ToUploadHeader);
      break;
    case 'A':
      Try<v1::ListSignalsRequest>(bytes, [](const v1::ListSignalsRequest& request) {
        return ToPageSize(request.page_size());
      });
      break;
    default:
      TryNames(bytes);
  }
  return 0;
}
