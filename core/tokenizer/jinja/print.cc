#include "core/tokenizer/jinja/print.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"

namespace steer::jinja {
namespace {

// repr() of a float: the shortest digits that give it back; an exponent below 1e-4 and from 1e16.
std::string FloatText(double real, const char* infinity, const char* nan) {
  if (std::isnan(real)) return nan;
  if (std::isinf(real)) return absl::StrCat(real < 0 ? "-" : "", infinity);
  std::array<char, 400> buffer;
  const double size = std::abs(real);
  const bool with_exponent = size != 0 && (size < 1e-4 || size >= 1e16);
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), real,
                    with_exponent ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(buffer.data(), end.ptr);
  if (!with_exponent && text.find('.') == std::string::npos) text += ".0";
  return text;
}

absl::StatusOr<Text> Repr(const Value& value, Budget& budget);

absl::StatusOr<Text> TextRepr(const Text& text, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.SpendBytes(4 * text.size()));
  const std::string& bytes = text.bytes();
  const bool has_single = bytes.find('\'') != std::string::npos;
  const char quote = has_single && bytes.find('"') == std::string::npos ? '"' : '\'';
  const std::string quotes(1, quote);
  Text repr(quotes);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (static_cast<unsigned char>(c) >= 0x80) {
      return absl::UnimplementedError("repr of a str with letters beyond ASCII");
    }
    if (c == quote || c == '\\') {
      repr.AppendAs(std::string("\\") + c, text, i);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      repr.AppendAs(c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t", text, i);
    } else if (absl::ascii_isprint(c)) {
      repr.AppendPart(text, i, i + 1);
    } else {
      repr.AppendAs(absl::StrFormat("\\x%02x", static_cast<int>(c)), text, i);
    }
  }
  repr.Append(quotes);
  return repr;
}

absl::StatusOr<Text> SequenceRepr(const Sequence& sequence, Budget& budget) {
  using Kind = Sequence::Kind;
  if (sequence.kind != Kind::kList && sequence.kind != Kind::kTuple) {
    return absl::UnimplementedError("printing a range, a view or a generator");
  }
  const bool is_list = sequence.kind == Kind::kList;
  Text repr(is_list ? "[" : "(");
  for (size_t i = 0; i < sequence.items.size(); ++i) {
    if (i > 0) repr.Append(", ");
    STEER_ASSIGN_OR_RETURN(const Text item, Repr(sequence.items[i], budget));
    STEER_RETURN_IF_ERROR(budget.SpendBytes(item.size()));
    repr.Append(item);
  }
  if (!is_list && sequence.items.size() == 1) repr.Append(",");
  repr.Append(is_list ? "]" : ")");
  return repr;
}

absl::StatusOr<Text> DictRepr(const Dict& dict, Budget& budget) {
  Text repr("{");
  for (const auto& [key, value] : dict.entries) {
    if (repr.size() > 1) repr.Append(", ");
    STEER_ASSIGN_OR_RETURN(const Text key_repr, Repr(key, budget));
    STEER_ASSIGN_OR_RETURN(const Text value_repr, Repr(value, budget));
    STEER_RETURN_IF_ERROR(budget.SpendBytes(key_repr.size() + value_repr.size()));
    repr.Append(key_repr);
    repr.Append(": ");
    repr.Append(value_repr);
  }
  repr.Append("}");
  return repr;
}

absl::StatusOr<Text> Repr(const Value& value, Budget& budget) {
  STEER_RETURN_IF_ERROR(budget.Spend(1));
  if (value.is_undefined()) return Text("Undefined");
  if (value.text() != nullptr) return TextRepr(*value.text(), budget);
  return Str(value, budget);
}

class JsonWriter {
 public:
  JsonWriter(const JsonFormat& format, Budget& budget) : format_(format), budget_(budget) {}

  absl::Status Write(const Value& value) {
    STEER_RETURN_IF_ERROR(
        budget_.SpendBytes(text_.size() > Budget::kLongestText ? text_.size() : 0));
    if (value.text() != nullptr) return WriteText(*value.text());
    if (value.dict() != nullptr) return WriteDict(*value.dict());
    const Sequence* const sequence = value.sequence();
    if (sequence != nullptr &&
        (sequence->kind == Sequence::Kind::kList || sequence->kind == Sequence::Kind::kTuple)) {
      return WriteList(sequence->items);
    }
    STEER_ASSIGN_OR_RETURN(const std::string scalar, Scalar(value));
    text_.Append(scalar);
    return absl::OkStatus();
  }
  Text Take() { return std::move(text_); }

 private:
  static absl::StatusOr<std::string> Scalar(const Value& value) {
    if (value.is_none()) return "null";
    if (const bool* const truth = value.As<bool>()) return *truth ? "true" : "false";
    if (const int64_t* const whole = value.As<int64_t>()) return absl::StrCat(*whole);
    if (const double* const real = value.As<double>()) return FloatText(*real, "Infinity", "NaN");
    return TypeError(absl::StrCat("tojson of a ", value.TypeName()));
  }

  void NewLine() {
    if (!format_.indent) return;
    text_.Append("\n");
    for (int i = 0; i < level_; ++i) text_.Append(*format_.indent);
  }

  absl::Status WriteList(const Values& items) {
    text_.Append("[");
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) text_.Append(format_.item_separator);
      NewLine();
      STEER_RETURN_IF_ERROR(Write(items[i]));
    }
    --level_;
    if (!items.empty()) NewLine();
    text_.Append("]");
    return absl::OkStatus();
  }

  absl::Status WriteDict(const Dict& dict) {
    std::vector<std::pair<Text, const Value*>> entries;
    for (const auto& [key, value] : dict.entries) {
      if (key.text() != nullptr) {
        entries.emplace_back(*key.text(), &value);
        continue;
      }
      STEER_ASSIGN_OR_RETURN(std::string name, Scalar(key));
      entries.emplace_back(Text(std::move(name)), &value);
    }
    if (format_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
        return a.first.bytes() < b.first.bytes();
      });
    }
    text_.Append("{");
    ++level_;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) text_.Append(format_.item_separator);
      NewLine();
      STEER_RETURN_IF_ERROR(WriteText(entries[i].first));
      text_.Append(format_.key_separator);
      STEER_RETURN_IF_ERROR(Write(*entries[i].second));
    }
    --level_;
    if (!entries.empty()) NewLine();
    text_.Append("}");
    return absl::OkStatus();
  }

  absl::Status WriteText(const Text& text) {
    STEER_RETURN_IF_ERROR(budget_.SpendBytes(6 * text.size()));
    text_.Append("\"");
    const std::string& bytes = text.bytes();
    for (size_t i = 0; i < bytes.size(); ++i) {
      const char c = bytes[i];
      if (c == '"' || c == '\\') {
        text_.AppendAs(std::string("\\") + c, text, i);
      } else if (const size_t named = absl::string_view("\n\r\t\b\f").find(c);
                 named != absl::string_view::npos) {
        text_.AppendAs(std::string("\\") + "nrtbf"[named], text, i);
      } else if (static_cast<unsigned char>(c) < 0x20) {
        text_.AppendAs(absl::StrFormat("\\u%04x", static_cast<int>(c)), text, i);
      } else if (format_.ensure_ascii && static_cast<unsigned char>(c) >= 0x7F) {
        if (c != 0x7F) return absl::UnimplementedError("tojson with ensure_ascii beyond ASCII");
        text_.AppendPart(text, i, i + 1);
      } else {
        text_.AppendPart(text, i, i + 1);
      }
    }
    text_.Append("\"");
    return absl::OkStatus();
  }

  const JsonFormat& format_;
  Budget& budget_;
  Text text_;
  int level_ = 0;
};

}  // namespace

absl::StatusOr<Text> Str(const Value& value, Budget& budget) {
  if (value.is_undefined()) return Text();
  if (value.is_none()) return Text("None");
  if (const bool* const truth = value.As<bool>()) return Text(*truth ? "True" : "False");
  if (const int64_t* const whole = value.As<int64_t>()) return Text(absl::StrCat(*whole));
  if (const double* const real = value.As<double>()) return Text(FloatText(*real, "inf", "nan"));
  if (value.text() != nullptr) return *value.text();
  if (value.sequence() != nullptr) return SequenceRepr(*value.sequence(), budget);
  if (value.dict() != nullptr) return DictRepr(*value.dict(), budget);
  return absl::UnimplementedError(absl::StrCat("printing a ", value.TypeName()));
}

absl::StatusOr<Text> ToJson(const Value& value, const JsonFormat& format, Budget& budget) {
  JsonWriter writer(format, budget);
  STEER_RETURN_IF_ERROR(writer.Write(value));
  return writer.Take();
}

}  // namespace steer::jinja
