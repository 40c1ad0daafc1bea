#include "core/signal/positions.h"

#include <algorithm>
#include <limits>

#include "core/base/status.h"

namespace steer {
namespace {

struct Range {
  int begin = 0;
  int end = 0;
};

// What the rule selects of the prompt's positions.
Range PromptRange(const PositionRule& rule, const PromptLayout& layout) {
  Range range;
  if (!rule.prompt) return range;
  // The last position yields the first generated token.
  range.end = layout.prompt_length - 1;
  if (rule.user_text_only) range = {layout.user_begin, std::min(range.end, layout.user_end)};
  if (rule.exclude_template_head) range.begin = std::max(range.begin, layout.head_length);
  return range;
}

// The first generated position that the rule selects; INT_MAX for none.
int GeneratedBegin(const PositionRule& rule, const PromptLayout& layout) {
  if (!rule.generated) return std::numeric_limits<int>::max();
  const int begin = layout.prompt_length - 1;
  return rule.exclude_template_head ? std::max(begin, layout.head_length) : begin;
}

}  // namespace

bool Selects(const PositionRule& rule, const PromptLayout& layout, int position) {
  const Range prompt = PromptRange(rule, layout);
  return (position >= prompt.begin && position < prompt.end) ||
         position >= GeneratedBegin(rule, layout);
}

int LastOfPrompt(const PositionRule& rule, const PromptLayout& layout) {
  const Range prompt = PromptRange(rule, layout);
  return prompt.begin < prompt.end ? prompt.end - 1 : -1;
}

int CountSelected(const PositionRule& rule, const PromptLayout& layout, int begin, int end) {
  const Range prompt = PromptRange(rule, layout);
  return std::max(0, std::min(end, prompt.end) - std::max(begin, prompt.begin)) +
         std::max(0, end - std::max(begin, GeneratedBegin(rule, layout)));
}

absl::Status Validate(const PositionRule& rule, absl::string_view field) {
  if (!rule.prompt && !rule.generated) {
    return InvalidField(field, "neither prompt nor generated",
                        "at least one of prompt and generated");
  }
  return absl::OkStatus();
}

}  // namespace steer
