#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tokenizer/regex.h"

namespace steer {

// Cuts text into the pieces inside which a BPE merges, in stages: each works on the pieces of the
// one before. Immutable and thread-safe.
class PreTokenizer {
 public:
  // What becomes of a match.
  enum class Behavior : uint8_t {
    kRemoved,
    kIsolated,
    kMergedWithPrevious,
    kMergedWithNext,
    kContiguous,
  };
  struct Split {
    std::variant<Regex, std::string> pattern;
    Behavior behavior = Behavior::kIsolated;
    bool invert = false;  // the text between the matches is what matches
  };
  // Puts a space before each piece that begins with none.
  struct PrefixSpace {};
  // Replaces spaces by a visible character, and puts one at the front.
  struct Metaspace {
    enum class Prepend : uint8_t { kNever, kFirst, kAlways };
    std::string replacement;
    Prepend prepend = Prepend::kAlways;  // kFirst: of the whole text only
  };
  using Stage = std::variant<Split, PrefixSpace, Metaspace>;

  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<Stage> stages) : stages_(std::move(stages)) {}

  // Calls `piece` for consecutive, non-empty pieces of `text`, which must be valid UTF-8.
  // `at_start`: nothing stands before it.
  void Run(absl::string_view text, bool at_start,
           absl::FunctionRef<void(absl::string_view)> piece) const;

  bool empty() const { return stages_.empty(); }

 private:
  using Sink = absl::FunctionRef<void(absl::string_view)>;
  void RunFrom(size_t stage, absl::string_view text, bool at_start, Sink piece) const;

  std::vector<Stage> stages_;
};

// The reference's own stages.
PreTokenizer::Split SplitOnGpt2Pattern();
PreTokenizer::Split SplitOnDigits(bool individual);
// Both of them at once: individual digits first, GPT-2's pattern inside the pieces.
PreTokenizer::Split SplitOnDigitsAndGpt2Pattern();

}  // namespace steer
