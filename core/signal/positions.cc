#include "core/signal/positions.h"

#include <algorithm>

#include "core/base/status.h"

namespace steer {
namespace {

// The first position that yields a generated token.
int GeneratedBegin(const PromptLayout& layout) { return layout.prompt_length - 1; }

// The first position the rule does not leave out.
int AllowedBegin(const PositionRule& rule, const PromptLayout& layout) {
  return rule.exclude_template_head ? layout.head_length : 0;
}

}  // namespace

bool Selects(const PositionRule& rule, const PromptLayout& layout, int position) {
  if (position < AllowedBegin(rule, layout)) return false;
  return position < GeneratedBegin(layout) ? rule.prompt : rule.generated;
}

int CountSelected(const PositionRule& rule, const PromptLayout& layout, int begin, int end) {
  const int first = std::max(begin, AllowedBegin(rule, layout));
  const int boundary = GeneratedBegin(layout);
  int count = 0;
  if (rule.prompt) count += std::max(0, std::min(end, boundary) - first);
  if (rule.generated) count += std::max(0, end - std::max(first, boundary));
  return count;
}

absl::Status Validate(const PositionRule& rule, absl::string_view field) {
  if (!rule.prompt && !rule.generated) {
    return InvalidField(field, "neither prompt nor generated",
                        "at least one of prompt and generated");
  }
  return absl::OkStatus();
}

}  // namespace steer
