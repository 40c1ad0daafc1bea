#include "core/tokenizer/regex_syntax.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/tokenizer/character_classes.h"

namespace steer {
namespace {

constexpr size_t kMaxPattern = 4096;
constexpr size_t kMaxDepth = 16;

class Translator {
 public:
  explicit Translator(absl::string_view pattern) : pattern_(pattern), rest_(pattern) {}

  absl::StatusOr<std::string> Run() {
    if (pattern_.size() > kMaxPattern) return Refuse("more than 4096 bytes");
    while (!rest_.empty()) STEER_RETURN_IF_ERROR(Next());
    if (groups_.size() != 1) return Refuse("a group that does not end");
    return std::move(out_);
  }

 private:
  // Of an open group, or of the whole pattern.
  struct Group {
    bool repeats = false;  // something in it has a quantifier
    bool is_look = false;  // a lookahead, which cannot be repeated
  };

  absl::Status Next() {
    const char c = rest_[0];
    switch (c) {
      case '\\':
        return Escape(/*in_class=*/false);
      case '[':
        return Class();
      case '(':
        return Open();
      case ')':
        return Close();
      case '|':
        can_repeat_ = false;
        Take(1);
        return absl::OkStatus();
      case '*':
      case '+':
      case '?':
      case '{':
        return Quantifier();
      case '.':
      case '^':
      case '$':
      case ']':
      case '}':
        return Refuse(Quoted(rest_.substr(0, 1)));
      default:
        Take(1);
        last_is_group_ = false;
        // Of a character of several bytes, PCRE2 repeats all of it.
        can_repeat_ = true;
        return absl::OkStatus();
    }
  }

  absl::Status Escape(bool in_class) {
    if (rest_.size() < 2) return Refuse("a backslash at the end");
    const char c = rest_[1];
    last_is_group_ = false;
    can_repeat_ = true;
    if (absl::StrContains("rntfv", absl::string_view(&c, 1)) || absl::ascii_ispunct(c)) {
      Take(2);
      return absl::OkStatus();
    }
    if (c == 'p' || c == 'P') {
      const size_t end = rest_.find('}');
      if (rest_.size() < 3 || rest_[2] != '{' || end == absl::string_view::npos) {
        return Refuse("\\p without braces");
      }
      const absl::string_view name = rest_.substr(3, end - 3);
      const std::optional<absl::string_view> members = MembersOf(name);
      if (!members) return Refuse(absl::StrCat("\\p{", name, "}"));
      return Members(*members, /*negated=*/c == 'P', in_class, end + 1);
    }
    if (c == 's' || c == 'S') return Members(WhiteSpaceMembers(), c == 'S', in_class, 2);
    if (c == 'd' || c == 'D') return Members(*MembersOf("Nd"), c == 'D', in_class, 2);
    return Refuse(Quoted(rest_.substr(0, 2)));
  }

  absl::Status Members(absl::string_view members, bool negated, bool in_class, size_t length) {
    if (in_class && negated) return Refuse(absl::StrCat(rest_.substr(0, length), " in a class"));
    if (in_class) {
      absl::StrAppend(&out_, members);
    } else {
      absl::StrAppend(&out_, negated ? "[^" : "[", members, "]");
    }
    rest_.remove_prefix(length);
    return absl::OkStatus();
  }

  absl::Status Class() {
    Take(1);
    if (absl::StartsWith(rest_, "^")) Take(1);
    if (absl::StartsWith(rest_, "]")) return Refuse("an empty class");
    while (!absl::StartsWith(rest_, "]")) {
      if (rest_.empty()) return Refuse("a class that does not end");
      if (rest_[0] == '[' || absl::StartsWith(rest_, "&&")) return Refuse("a class in a class");
      if (rest_[0] == '\\') {
        STEER_RETURN_IF_ERROR(Escape(/*in_class=*/true));
      } else {
        Take(1);
      }
    }
    Take(1);
    last_is_group_ = false;
    can_repeat_ = true;
    return absl::OkStatus();
  }

  absl::Status Open() {
    if (groups_.size() > kMaxDepth) return Refuse("more than 16 groups in each other");
    Group group;
    if (absl::StartsWith(rest_, "(?=") || absl::StartsWith(rest_, "(?!")) {
      group.is_look = true;
      Take(3);
    } else if (absl::StartsWith(rest_, "(?:")) {
      Take(3);
    } else if (absl::StartsWith(rest_, "(?i:")) {
      Take(4);
    } else if (absl::StartsWith(rest_, "(?") || absl::StartsWith(rest_, "(*")) {
      return Refuse(Quoted(rest_.substr(0, 3)));
    } else {
      Take(1);
    }
    groups_.push_back(group);
    can_repeat_ = false;
    return absl::OkStatus();
  }

  absl::Status Close() {
    if (groups_.size() == 1) return Refuse("a ')' without its '('");
    last_group_ = groups_.back();
    groups_.pop_back();
    groups_.back().repeats |= last_group_.repeats;
    last_is_group_ = true;
    can_repeat_ = !last_group_.is_look;
    Take(1);
    return absl::OkStatus();
  }

  absl::Status Quantifier() {
    if (!can_repeat_) return Refuse("a quantifier of nothing");
    const bool once = rest_[0] == '?';
    size_t length = 1;
    if (rest_[0] == '{') {
      const size_t end = rest_.find('}');
      const absl::string_view range = rest_.substr(1, end == absl::string_view::npos ? 0 : end - 1);
      const bool digits = !range.empty() && absl::ascii_isdigit(range[0]) &&
                          std::count(range.begin(), range.end(), ',') <= 1 && range.size() <= 9 &&
                          range.find_first_not_of("0123456789,") == absl::string_view::npos;
      if (!digits) return Refuse("a '{' that is no quantifier");
      length = end + 1;
      // There a second quantifier, here "possessive".
      if (absl::StartsWith(rest_.substr(length), "+")) return Refuse("'}+'");
    } else if (absl::StartsWith(rest_.substr(1), "+")) {
      length = 2;
    }
    if (absl::StartsWith(rest_.substr(length), "?")) ++length;
    if (last_is_group_ && !once && last_group_.repeats) return Refuse("a repeated repetition");
    groups_.back().repeats = true;
    can_repeat_ = false;
    Take(length);
    return absl::OkStatus();
  }

  void Take(size_t length) {
    absl::StrAppend(&out_, rest_.substr(0, length));
    rest_.remove_prefix(length);
  }

  absl::Status Refuse(absl::string_view what) const {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNKNOWN_TOKENIZER", "pattern", absl::StrCat(what, " in ", Quoted(pattern_)),
                       "literals, classes, groups, (?i:), lookahead, alternatives, quantifiers"});
  }

  absl::string_view pattern_;
  absl::string_view rest_;
  std::string out_;
  std::vector<Group> groups_ = {{}};
  Group last_group_;
  bool last_is_group_ = false;
  bool can_repeat_ = false;
};

}  // namespace

absl::StatusOr<std::string> ToPcre2(absl::string_view pattern) { return Translator(pattern).Run(); }

}  // namespace steer
