#include "client/steerctl/positions_text.h"

#include "absl/strings/str_cat.h"

namespace steer {

std::string PositionsText(const v1::PositionRule& rule) {
  const bool prompt = !rule.has_prompt() || rule.prompt();
  const bool generated = !rule.has_generated() || rule.generated();
  return absl::StrCat(prompt && generated ? "all tokens"
                      : prompt            ? "prompt tokens"
                      : generated         ? "generated tokens"
                                          : "no tokens",
                      rule.user_text_only() ? ", of the prompt only the user's text" : "",
                      rule.exclude_template_head() ? ", not the template's head" : "");
}

std::string SitesText(const google::protobuf::RepeatedPtrField<std::string>& sites) {
  if (sites.size() < 2) return sites.empty() ? "" : sites[0];
  return absl::StrCat(sites[0], " and ", sites.size() - 1, " more");
}

}  // namespace steer
