#include "client/steerctl/session.h"

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/steerctl/command_line.h"
#include "client/steerctl/terminal.h"
#include "core/base/status.h"

namespace steer {

absl::StatusOr<std::unique_ptr<Client>> Session::Connect() const {
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(connection);
  if (absl::IsInvalidArgument(client.status())) return UsageError(client.status());
  return client;
}

void Print(absl::string_view text) {
  const std::string out = ForStdout(text);
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
}

std::string ErrorText(const absl::Status& status) {
  std::string text =
      absl::StrCat("steerctl: ", absl::StatusCodeToString(status.code()), ": ", status.message());
  const auto add = [&](absl::string_view name, absl::string_view value) {
    if (!value.empty() && !absl::StrContains(status.message(), value)) {
      absl::StrAppend(&text, "\n  ", name, ": ", value);
    }
  };
  if (const std::optional<ErrorDetail> detail = DetailOf(status)) {
    add("field", detail->field);
    add("got", detail->got);
    add("allowed", detail->allowed);
  }
  if (const std::optional<int64_t> delay = RetryDelayMs(status)) {
    absl::StrAppend(&text, "\n  try again in ", *delay, " ms");
  }
  return text + "\n";
}

}  // namespace steer
