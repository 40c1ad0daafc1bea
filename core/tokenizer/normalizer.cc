#include "core/tokenizer/normalizer.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "core/base/check.h"
#include "core/tokenizer/utf8.h"

namespace steer {
namespace {

// Writes a text anew from front to back, and carries over which parts are foreign.
class Rewriter {
 public:
  explicit Rewriter(const MarkedText& from) : from_(from) {}

  // Takes the text up to `end` as it is.
  void KeepUntil(size_t end) {
    for (; next_ < from_.foreign.size(); ++next_) {
      const ByteSpan span = from_.foreign[next_];
      const size_t first = std::max(span.begin, at_);
      const size_t last = std::min(span.end, end);
      if (first < last) MarkForeign(to_.text.size() + first - at_, to_.text.size() + last - at_);
      if (span.end > end) break;
    }
    to_.text.append(from_.text, at_, end - at_);
    at_ = end;
  }
  // Writes `content` for the text up to `end`.
  void ReplaceUntil(size_t end, absl::string_view content) {
    bool is_foreign = false;
    for (; next_ < from_.foreign.size(); ++next_) {
      const ByteSpan span = from_.foreign[next_];
      is_foreign |= std::max(span.begin, at_) < std::min(span.end, end);
      if (span.end > end) break;
    }
    if (is_foreign) MarkForeign(to_.text.size(), to_.text.size() + content.size());
    to_.text.append(content.data(), content.size());
    at_ = end;
  }
  MarkedText Finish() {
    KeepUntil(from_.text.size());
    return std::move(to_);
  }

 private:
  void MarkForeign(size_t begin, size_t end) {
    if (begin == end) return;
    if (!to_.foreign.empty() && to_.foreign.back().end == begin) {
      to_.foreign.back().end = end;
    } else {
      to_.foreign.push_back({begin, end});
    }
  }

  const MarkedText& from_;
  MarkedText to_;
  size_t at_ = 0;
  size_t next_ = 0;  // the first foreign span that may still matter
};

size_t FirstNonAscii(absl::string_view text, size_t from) {
  while (from < text.size() && static_cast<uint8_t>(text[from]) < 0x80) ++from;
  return from;
}

std::string InForm(Normalizer::Form form, absl::string_view text) {
  using Form = Normalizer::Form;
  const bool compatible = form == Form::kNfkc || form == Form::kNfkd;
  const bool composes = form == Form::kNfc || form == Form::kNfkc;
  const int options = UTF8PROC_STABLE | (composes ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) |
                      (compatible ? UTF8PROC_COMPAT : 0);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  STEER_CHECK(size >= 0);  // the text is valid UTF-8
  return {reinterpret_cast<const char*>(mapped), static_cast<size_t>(size)};
}

MarkedText Apply(const Normalizer::Form& form, const MarkedText& from) {
  // ASCII stays as it is and nothing reaches over the beginning of an ASCII character, so only
  // what is not ASCII needs work, with the one character before it, which it may change.
  const absl::string_view text = from.text;
  Rewriter out(from);
  for (size_t at = FirstNonAscii(text, 0); at < text.size();) {
    size_t end = at;
    while (end < text.size() && static_cast<uint8_t>(text[end]) >= 0x80) ++end;
    const size_t begin = at == 0 ? 0 : at - 1;
    const absl::string_view old = text.substr(begin, end - begin);
    const std::string changed = InForm(form, old);
    if (changed != old) {
      // The character before it keeps its place if it is not what changed.
      const bool keeps_first = begin < at && !changed.empty() && changed[0] == old[0];
      out.KeepUntil(keeps_first ? at : begin);
      out.ReplaceUntil(end, absl::string_view(changed).substr(keeps_first ? 1 : 0));
    }
    at = FirstNonAscii(text, end);
  }
  return out.Finish();
}

MarkedText Apply(const Normalizer::Replace& step, const MarkedText& from) {
  const absl::string_view text = from.text;
  Rewriter out(from);
  const auto replace = [&](ByteSpan span) {
    out.KeepUntil(span.begin);
    out.ReplaceUntil(span.end, step.content);
  };
  if (const auto* regex = std::get_if<Regex>(&step.pattern)) {
    regex->ForEach(text, replace);
    return out.Finish();
  }
  const std::string& literal = std::get<std::string>(step.pattern);
  for (size_t at = 0; !literal.empty(); at += literal.size()) {
    at = text.find(literal, at);
    if (at == absl::string_view::npos) break;
    replace({at, at + literal.size()});
  }
  return out.Finish();
}

MarkedText Apply(const Normalizer::Prepend& step, const MarkedText& from) {
  Rewriter out(from);
  if (!from.text.empty()) out.ReplaceUntil(0, step.content);
  return out.Finish();
}

MarkedText Apply(const Normalizer::Strip& step, const MarkedText& from) {
  const absl::string_view text = from.text;
  const size_t begin = step.left ? SkipWhiteSpace(text, 0) : 0;
  const size_t end = step.right ? BackOverWhiteSpace(text, text.size()) : text.size();
  Rewriter out(from);
  out.ReplaceUntil(begin, "");
  if (begin < end) out.KeepUntil(end);
  out.ReplaceUntil(text.size(), "");
  return out.Finish();
}

}  // namespace

void Normalizer::Apply(MarkedText* text) const {
  for (const Step& step : steps_) {
    *text = std::visit([&](const auto& kind) { return steer::Apply(kind, *text); }, step);
  }
}

}  // namespace steer
