#include "core/learn/csv.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// Reads fields one after another.
class CsvReader {
 public:
  explicit CsvReader(absl::string_view text) : text_(text) {}

  bool at_end() const { return next_ == text_.size(); }

  absl::StatusOr<std::vector<std::string>> Record() {
    std::vector<std::string> fields;
    do {
      STEER_ASSIGN_OR_RETURN(fields.emplace_back(), Field());
    } while (Take(","));
    if (Take("\r\n") || Take("\n")) ++line_;
    return fields;
  }

 private:
  bool Take(absl::string_view what) {
    if (text_.substr(next_, what.size()) != what) return false;
    next_ += what.size();
    return true;
  }

  // Whether a field may end here.
  bool AtFieldEnd() const {
    const absl::string_view rest = text_.substr(next_);
    return rest.empty() || rest[0] == ',' || rest[0] == '\n' || rest.substr(0, 2) == "\r\n";
  }

  absl::Status Bad(absl::string_view got, absl::string_view allowed) const {
    return InvalidField(absl::StrCat("line ", line_), got, allowed);
  }

  absl::StatusOr<std::string> Field() {
    if (Take("\"")) return Quoted();
    const size_t begin = next_;
    while (!AtFieldEnd()) {
      if (text_[next_++] == '"')
        return Bad("a quote inside a field", "quotes around the field, those inside it doubled");
    }
    return std::string(text_.substr(begin, next_ - begin));
  }

  absl::StatusOr<std::string> Quoted() {
    std::string field;
    const int begin = line_;
    while (!at_end()) {
      if (Take("\"\"")) {
        field += '"';
      } else if (Take("\"")) {
        if (AtFieldEnd()) return field;
        return Bad("text behind a field's closing quote", "a comma or the line's end");
      } else {
        if (text_[next_] == '\n') ++line_;
        field += text_[next_++];
      }
    }
    return InvalidField(absl::StrCat("line ", begin), "a quote without its end", "a closing quote");
  }

  const absl::string_view text_;
  size_t next_ = 0;
  int line_ = 1;
};

}  // namespace

absl::StatusOr<std::vector<std::vector<std::string>>> ParseCsv(absl::string_view text) {
  CsvReader reader(text);
  std::vector<std::vector<std::string>> records;
  while (!reader.at_end()) {
    STEER_ASSIGN_OR_RETURN(std::vector<std::string> record, reader.Record());
    if (record.size() > 1 || !record.front().empty()) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace steer
