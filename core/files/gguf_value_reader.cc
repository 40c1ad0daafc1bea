#include "core/files/gguf_value_reader.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// Far above any real model, and low enough that a hostile file cannot make us hold many times its
// own size in small objects.
constexpr uint64_t kMaxArrayElements = 16'777'216;

// The numbers of the types in a file.
enum ValueType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
  kValueTypes
};

// The fewest bytes an element takes; a string is at least its length.
constexpr std::array<uint64_t, kValueTypes> kLeastBytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};

}  // namespace

absl::Status GgufValueReader::Refuse(absl::string_view what, absl::string_view got,
                                     absl::string_view allowed) const {
  return InvalidField(absl::StrCat(what, " at byte ", offset()), got, allowed);
}

absl::StatusOr<uint64_t> GgufValueReader::Count(absl::string_view what, uint64_t least_bytes,
                                                uint64_t most) {
  STEER_ASSIGN_OR_RETURN(const uint64_t count, Number<uint64_t>(what));
  const uint64_t room = std::min<uint64_t>(remaining() / least_bytes, most);
  if (count > room) {
    return Refuse(what, absl::StrCat("a count of ", count),
                  absl::StrCat("at most ", room, " here"));
  }
  return count;
}

absl::StatusOr<std::string> GgufValueReader::String(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint64_t size, Number<uint64_t>(what));
  return Text(what, size);
}

absl::StatusOr<int64_t> GgufValueReader::Unsigned(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint64_t value, Number<uint64_t>(what));
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return Refuse(what, absl::StrCat(value), "at most 2^63-1");
  }
  return static_cast<int64_t>(value);
}

absl::StatusOr<int64_t> GgufValueReader::Integer(uint32_t type, absl::string_view what) {
  switch (type) {
    case kUint8:
      return Number<uint8_t>(what);
    case kInt8:
      return Number<int8_t>(what);
    case kUint16:
      return Number<uint16_t>(what);
    case kInt16:
      return Number<int16_t>(what);
    case kUint32:
      return Number<uint32_t>(what);
    case kInt32:
      return Number<int32_t>(what);
    case kInt64:
      return Number<int64_t>(what);
    default:
      return Unsigned(what);
  }
}

absl::StatusOr<double> GgufValueReader::Float(uint32_t type, absl::string_view what) {
  if (type == kFloat32) return Number<float>(what);
  return Number<double>(what);
}

absl::StatusOr<bool> GgufValueReader::Bool(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint8_t value, Number<uint8_t>(what));
  if (value > 1) return Refuse(what, absl::StrCat("boolean ", value), "0 or 1");
  return value == 1;
}

absl::StatusOr<GgufFile::Value> GgufValueReader::Value(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint32_t type, Number<uint32_t>(what));
  if (type >= kValueTypes) return Refuse(what, absl::StrCat("type ", type), "types 0 to 12");
  switch (type) {
    case kArray:
      return Array(what);
    case kString:
      return String(what);
    case kBool:
      return Bool(what);
    case kFloat32:
    case kFloat64:
      return Float(type, what);
    default:
      return Integer(type, what);
  }
}

template <typename T, typename Read>
absl::StatusOr<GgufFile::Value> GgufValueReader::Elements(uint64_t count, Read read) {
  std::vector<T> elements;
  elements.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    STEER_ASSIGN_OR_RETURN(T element, read());
    elements.push_back(std::move(element));
  }
  return GgufFile::Value(std::move(elements));
}

absl::StatusOr<GgufFile::Value> GgufValueReader::Array(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint32_t type, Number<uint32_t>(what));
  if (type >= kValueTypes || type == kArray) {
    return Refuse(what, absl::StrCat("an array of type ", type), "an array of scalars or strings");
  }
  STEER_ASSIGN_OR_RETURN(const uint64_t count,
                         Count(what, kLeastBytes[type], kMaxArrayElements - array_elements_));
  array_elements_ += count;
  switch (type) {
    case kString:
      return Elements<std::string>(count, [&] { return String(what); });
    case kBool:
      return Elements<bool>(count, [&] { return Bool(what); });
    case kFloat32:
    case kFloat64:
      return Elements<double>(count, [&] { return Float(type, what); });
    default:
      return Elements<int64_t>(count, [&] { return Integer(type, what); });
  }
}

}  // namespace steer
