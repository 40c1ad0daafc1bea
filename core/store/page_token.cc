#include "core/store/page_token.h"

#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr size_t kSignatureDigits = 32;

}  // namespace

std::string PageTokens::Make(absl::string_view list, absl::string_view last_key) const {
  const std::string signature = Sha256Hex(absl::StrCat(secret_, ":", list, ":", last_key));
  return absl::StrCat(signature.substr(0, kSignatureDigits), ".", last_key);
}

absl::StatusOr<std::string> PageTokens::Read(absl::string_view list,
                                             absl::string_view token) const {
  if (token.empty()) return std::string();
  if (token.size() > kSignatureDigits) {
    const absl::string_view last_key = token.substr(kSignatureDigits + 1);
    if (token == Make(list, last_key)) return std::string(last_key);
  }
  return InvalidField("page_token", Quoted(token),
                      "empty, or the next_page_token of the page before");
}

absl::StatusOr<int64_t> PageTokens::ReadNumber(absl::string_view list,
                                               absl::string_view token) const {
  STEER_ASSIGN_OR_RETURN(const std::string key, Read(list, token));
  int64_t number = std::numeric_limits<int64_t>::max();
  if (!key.empty() && !absl::SimpleAtoi(key, &number))
    return absl::InternalError("a signed page token without a number");
  return number;
}

}  // namespace steer
