#include "client/steerctl/progress.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/steerctl/terminal.h"

namespace steer {
namespace {

constexpr int kBarColumns = 40;

// How many of `parts` equal parts of the way lie behind.
int64_t PartsDone(int64_t done, int64_t total, int parts) {
  return total > 0 ? std::clamp<int64_t>(parts * done / total, 0, parts) : 0;
}

}  // namespace

std::string ProgressBar(int64_t done, int64_t total, int columns) {
  const int64_t full = PartsDone(done, total, columns);
  return absl::StrCat("[", std::string(full, '#'), std::string(columns - full, '.'), "] ", done,
                      "/", total);
}

bool Progress::Show(absl::string_view label, int64_t done, int64_t total, absl::string_view note) {
  const absl::string_view space = note.empty() ? "" : " ";
  if (StderrIsTerminal()) {
    const std::string line = absl::StrCat("\r", label, " ", ProgressBar(done, total, kBarColumns),
                                          space, note, "\x1b[K");
    std::fputs(line.c_str(), stderr);
    shown_ = true;
    return true;
  }
  const int64_t tenth = PartsDone(done, total, 10);
  if (label == label_ && tenth == tenth_) return true;
  label_ = std::string(label);
  tenth_ = tenth;
  std::fputs(absl::StrCat(label, " ", done, "/", total, space, note, "\n").c_str(), stderr);
  return true;
}

void Progress::Clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

void Progress::End() const {
  if (shown_) std::fputs("\n", stderr);
}

}  // namespace steer
