#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/tokenizer/byte_span.h"
#include "core/tokenizer/regex.h"

namespace steer {

// A text and which parts of it came from outside, in order and apart.
struct MarkedText {
  std::string text;
  std::vector<ByteSpan> foreign;
};

// What is done to a text before it is cut, in steps. Immutable and thread-safe.
class Normalizer {
 public:
  struct Replace {
    std::variant<Regex, std::string> pattern;
    std::string content;
  };
  struct Prepend {  // unless the text is empty
    std::string content;
  };
  struct Strip {  // of white space
    bool left;
    bool right;
  };
  enum class Form : uint8_t { kNfc, kNfd, kNfkc, kNfkd };
  using Step = std::variant<Replace, Prepend, Strip, Form>;

  Normalizer() = default;
  explicit Normalizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  // `text` must be valid UTF-8. What is written for text of which a byte is foreign is foreign.
  void Apply(MarkedText* text) const;
  bool empty() const { return steps_.empty(); }

 private:
  std::vector<Step> steps_;
};

}  // namespace steer
