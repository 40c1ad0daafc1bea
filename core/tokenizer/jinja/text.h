#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace steer::jinja {

// A string of a template, UTF-8, that remembers which of its bytes a message wrote: they survive
// slicing and joining, so that what users say is never taken for what the template says.
class Text {
 public:
  // Bytes [begin, end) come from the message of that number; in order and apart.
  struct Origin {
    size_t begin = 0;
    size_t end = 0;
    int message = 0;
    bool operator==(const Origin&) const = default;
  };

  Text() = default;
  // The template's own words.
  explicit Text(std::string bytes) : bytes_(std::move(bytes)) {}
  // All of it from one message.
  Text(std::string bytes, int message);

  const std::string& bytes() const { return bytes_; }
  const std::vector<Origin>& origins() const { return origins_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

  void Append(const Text& other) { AppendPart(other, 0, other.size()); }
  void Append(absl::string_view own_words) { bytes_.append(own_words.data(), own_words.size()); }
  // Bytes [begin, end) of `other`, which may not be this.
  void AppendPart(const Text& other, size_t begin, size_t end);
  Text Part(size_t begin, size_t end) const;
  // Other bytes in the same number, from the same places.
  Text WithBytes(std::string bytes) const;
  // `words` as if they had stood where byte `at` of `model` stands: an escape of a user's character
  // is the user's.
  void AppendAs(absl::string_view words, const Text& model, size_t at);

  // Marked by the filter `safe`. Nothing is escaped here, but such a text escapes what it is added
  // to: that is refused.
  bool is_safe() const { return is_safe_; }
  void MarkSafe() { is_safe_ = true; }

 private:
  void AddOrigin(Origin origin);

  std::string bytes_;
  std::vector<Origin> origins_;
  bool is_safe_ = false;
};

}  // namespace steer::jinja
