#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace steer {

// Which tokens of a sequence a signal acts on. A token is the *input* of one forward position;
// position p yields the distribution of token p + 1. "Generated" begins with the last prompt
// position, because that one yields the first generated token; in scoring the positions that
// predict the answer are "generated" in the same way.
struct PositionRule {
  bool prompt = true;                  // positions 0 .. prompt_length - 2
  bool generated = true;               // positions prompt_length - 1 and later
  bool exclude_template_head = false;  // leave out the first head_length positions; always wins
  bool user_text_only = false;         // of the prompt, only [user_begin, user_end)
  bool operator==(const PositionRule&) const = default;
};

// What the rule is resolved against.
struct PromptLayout {
  int prompt_length = 0;  // tokens of the prompt, at least 1
  int head_length = 0;    // tokens of the chat template before the user's text; 0 for raw prompts
  int user_begin = 0;     // the tokens that hold the last user message's text are
  int user_end = 0;       // [user_begin, user_end); none for raw prompts
};

bool Selects(const PositionRule& rule, const PromptLayout& layout, int position);

// The last of the prompt's positions that is selected, the one that yields the first generated
// token left out; -1 if none is.
int LastOfPrompt(const PositionRule& rule, const PromptLayout& layout);

// How many of the positions [begin, end) are selected.
int CountSelected(const PositionRule& rule, const PromptLayout& layout, int begin, int end);

// INVALID_ARGUMENT if the rule can select nothing (neither stage).
absl::Status Validate(const PositionRule& rule, absl::string_view field);

}  // namespace steer
