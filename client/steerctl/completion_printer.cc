#include "client/steerctl/completion_printer.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace steer {

CompletionPrinter::CompletionPrinter(int completions, std::function<void(absl::string_view)> print)
    : completions_(completions), print_(std::move(print)) {}

void CompletionPrinter::Add(int completion, absl::string_view text) {
  if (completion == current_) {
    Show(text);
  } else {
    absl::StrAppend(&states_[completion].waiting, text);
  }
}

void CompletionPrinter::Finish(int completion) {
  states_[completion].finished = true;
  while (current_ < completions_ && states_[current_].finished) {
    Show("");
    EndLine();
    ++current_;
    if (current_ < completions_) Show(std::exchange(states_[current_].waiting, ""));
  }
}

void CompletionPrinter::Close() {
  if (open_) EndLine();
  for (auto& [completion, state] : states_) {
    if (state.waiting.empty()) continue;
    current_ = completion;
    Show(std::exchange(state.waiting, ""));
    EndLine();
  }
}

void CompletionPrinter::Show(absl::string_view text) {
  if (!open_ && completions_ > 1) {
    print_(absl::StrCat(current_ > 0 ? "\n" : "", "--- completion ", current_, " ---\n"));
  }
  open_ = true;
  print_(text);
}

void CompletionPrinter::EndLine() {
  print_("\n");
  open_ = false;
}

}  // namespace steer
