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

}  // namespace steer
