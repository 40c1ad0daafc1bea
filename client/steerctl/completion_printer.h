#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"

namespace steer {

// Shows completions one after the other although their text comes interleaved: the first that has
// not ended streams, the text of those behind it waits. Several are headed by their numbers; one
// stands alone. Not thread-safe.
class CompletionPrinter {
 public:
  CompletionPrinter(int completions, std::function<void(absl::string_view)> print);

  void Add(int completion, absl::string_view text);
  void Finish(int completion);
  // When no more will come: shows what still waits.
  void Close();

 private:
  struct State {
    std::string waiting;
    bool finished = false;
  };
  void Show(absl::string_view text);
  void EndLine();

  const int completions_;
  const std::function<void(absl::string_view)> print_;
  std::map<int, State> states_;
  int current_ = 0;
  bool open_ = false;  // the heading of `current_` stands, and its line has not ended
};

}  // namespace steer
