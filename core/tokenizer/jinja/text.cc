#include "core/tokenizer/jinja/text.h"

#include <algorithm>

#include "core/base/check.h"

namespace steer::jinja {
namespace {

// The first of `origins` that ends behind `at`.
std::vector<Text::Origin>::const_iterator FirstBehind(const std::vector<Text::Origin>& origins,
                                                      size_t at) {
  return std::lower_bound(
      origins.begin(), origins.end(), at,
      [](const Text::Origin& origin, size_t place) { return origin.end <= place; });
}

}  // namespace

Text::Text(std::string bytes, int message) : bytes_(std::move(bytes)) {
  AddOrigin({.begin = 0, .end = bytes_.size(), .message = message});
}

void Text::AddOrigin(Origin origin) {
  if (origin.begin == origin.end) return;
  if (!origins_.empty() && origins_.back().end == origin.begin &&
      origins_.back().message == origin.message) {
    origins_.back().end = origin.end;
  } else {
    origins_.push_back(origin);
  }
}

void Text::AppendPart(const Text& other, size_t begin, size_t end) {
  STEER_CHECK(begin <= end && end <= other.size());
  const size_t shift = size();
  bytes_.append(other.bytes_, begin, end - begin);
  for (auto origin = FirstBehind(other.origins_, begin);
       origin != other.origins_.end() && origin->begin < end; ++origin) {
    AddOrigin({.begin = shift + std::max(origin->begin, begin) - begin,
               .end = shift + std::min(origin->end, end) - begin,
               .message = origin->message});
  }
}

Text Text::Part(size_t begin, size_t end) const {
  Text part;
  part.AppendPart(*this, begin, end);
  return part;
}

Text Text::WithBytes(std::string bytes) const {
  STEER_CHECK(bytes.size() == size());
  Text text = *this;
  text.bytes_ = std::move(bytes);
  return text;
}

void Text::AppendAs(absl::string_view words, const Text& model, size_t at) {
  const size_t begin = size();
  Append(words);
  const auto origin = FirstBehind(model.origins_, at);
  if (origin == model.origins_.end() || origin->begin > at) return;
  AddOrigin({.begin = begin, .end = size(), .message = origin->message});
}

}  // namespace steer::jinja
