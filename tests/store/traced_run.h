#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"

namespace steer {

// What one run of steer_store_acknowledged_writes did.
struct TracedRun {
  std::vector<std::string> acknowledged;  // its lines on stdout
  std::vector<std::string> calls;         // strace's lines, file descriptors with their paths
  // strace's own complaint; empty if it could trace. A test must fail on it, not pass unseen.
  std::string strace_error;
};

inline std::vector<std::string> LinesOf(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream stream(path);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Runs it on `directory` under strace with `options`; logs go to `log_folder`.
inline TracedRun RunTraced(const std::string& directory, const std::string& log_folder,
                           const std::vector<std::string>& options) {
  const std::string out = log_folder + "/stdout";
  const std::string err = log_folder + "/stderr";
  const std::string log = log_folder + "/calls";
  std::vector<std::string> words = {"strace", "-f", "-y", "-qq", "-o", log};
  words.insert(words.end(), options.begin(), options.end());
  // The leak detector of a sanitizer build cannot work while the process is traced.
  words.insert(words.end(),
               {"env", "ASAN_OPTIONS=detect_leaks=0", STEER_ACKNOWLEDGED_WRITES, directory});
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  TracedRun run{LinesOf(out), LinesOf(log), ""};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) run.strace_error = "strace is not installed";
  for (const std::string& line : LinesOf(err)) {
    if (absl::StartsWith(line, "strace:")) run.strace_error += line + "\n";
  }
  return run;
}

}  // namespace steer
