#include "core/files/gguf_parser.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/host_tensor.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/byte_reader.h"
#include "core/files/quoted.h"

namespace steer {
namespace {

using Value = GgufFile::Value;

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersion = 3;
constexpr int64_t kDefaultAlignment = 32;
constexpr int64_t kMaxAlignment = int64_t{1} << 30;
constexpr uint32_t kMaxDimensions = 4;

// Far above any real model, and low enough that a hostile file cannot make us hold many times its
// own size in small objects.
constexpr uint64_t kMaxKeys = 1 << 16;
constexpr uint64_t kMaxTensors = 1 << 20;
constexpr uint64_t kMaxArrayElements = 1 << 24;

// The fewest bytes one entry can take: a key is an empty name, a type and one byte; a tensor an
// empty name, a dimension count, one dimension, a type and an offset.
constexpr uint64_t kLeastKeyBytes = 8 + 4 + 1;
constexpr uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;

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

class Parser {
 public:
  explicit Parser(std::span<const std::byte> bytes) : bytes_(bytes), reader_(bytes) {}

  absl::StatusOr<GgufContents> Parse();

 private:
  // A tensor whose place is known and not yet checked.
  struct Placed {
    uint64_t offset;  // from the start of the tensor data
    uint64_t size;
    std::map<std::string, StoredTensor>::iterator tensor;
  };

  absl::Status ReadPreamble();
  absl::Status ReadKey();
  absl::Status ReadTensor();
  absl::Status PlaceTensors();

  absl::StatusOr<uint64_t> Count(absl::string_view what, uint64_t least_bytes, uint64_t most);
  absl::StatusOr<std::string> Text(absl::string_view what);
  absl::StatusOr<int64_t> Integer(uint32_t type, absl::string_view what);
  absl::StatusOr<double> Float(uint32_t type, absl::string_view what);
  absl::StatusOr<bool> Bool(absl::string_view what);
  absl::StatusOr<Value> Scalar(uint32_t type, absl::string_view what);
  absl::StatusOr<Value> Array(absl::string_view what);
  template <typename T, typename Read>
  static absl::StatusOr<Value> Elements(uint64_t count, Read read);
  absl::StatusOr<std::vector<int64_t>> Shape(absl::string_view what);

  // INVALID_ARGUMENT at the offset reached.
  absl::Status Refuse(absl::string_view what, absl::string_view got,
                      absl::string_view allowed) const {
    return InvalidField(absl::StrCat(what, " at byte ", reader_.offset()), got, allowed);
  }

  std::span<const std::byte> bytes_;
  ByteReader reader_;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
  uint64_t array_elements_ = 0;
  uint64_t alignment_ = kDefaultAlignment;
  GgufContents contents_;
  std::vector<Placed> placed_;
};

absl::StatusOr<GgufContents> Parser::Parse() {
  STEER_RETURN_IF_ERROR(ReadPreamble());
  for (uint64_t i = 0; i < key_count_; ++i) STEER_RETURN_IF_ERROR(ReadKey());
  for (uint64_t i = 0; i < tensor_count_; ++i) STEER_RETURN_IF_ERROR(ReadTensor());
  STEER_RETURN_IF_ERROR(PlaceTensors());
  return std::move(contents_);
}

absl::Status Parser::ReadPreamble() {
  STEER_ASSIGN_OR_RETURN(const uint32_t magic, reader_.Number<uint32_t>("magic"));
  if (magic != kMagic) return InvalidField("magic at byte 0", "other bytes", "\"GGUF\"");
  STEER_ASSIGN_OR_RETURN(const uint32_t version, reader_.Number<uint32_t>("version"));
  if (version != kVersion) {
    const bool swapped = __builtin_bswap32(version) == kVersion;
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_VERSION", "version at byte 4",
                       swapped ? std::string("a big-endian file") : absl::StrCat(version),
                       absl::StrCat(kVersion, ", little-endian")});
  }
  STEER_ASSIGN_OR_RETURN(tensor_count_, Count("tensor count", kLeastTensorBytes, kMaxTensors));
  STEER_ASSIGN_OR_RETURN(key_count_, Count("key count", kLeastKeyBytes, kMaxKeys));
  return absl::OkStatus();
}

// A count of things of at least `least_bytes` each, believed only if the rest of the file has room.
absl::StatusOr<uint64_t> Parser::Count(absl::string_view what, uint64_t least_bytes,
                                       uint64_t most) {
  STEER_ASSIGN_OR_RETURN(const uint64_t count, reader_.Number<uint64_t>(what));
  const uint64_t room = std::min<uint64_t>(reader_.remaining() / least_bytes, most);
  if (count > room) {
    return Refuse(what, absl::StrCat("a count of ", count),
                  absl::StrCat("at most ", room, " here"));
  }
  return count;
}

absl::StatusOr<std::string> Parser::Text(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint64_t size, reader_.Number<uint64_t>(what));
  return reader_.Text(what, size);
}

absl::StatusOr<int64_t> Parser::Integer(uint32_t type, absl::string_view what) {
  switch (type) {
    case kUint8:
      return reader_.Number<uint8_t>(what);
    case kInt8:
      return reader_.Number<int8_t>(what);
    case kUint16:
      return reader_.Number<uint16_t>(what);
    case kInt16:
      return reader_.Number<int16_t>(what);
    case kUint32:
      return reader_.Number<uint32_t>(what);
    case kInt32:
      return reader_.Number<int32_t>(what);
    case kInt64:
      return reader_.Number<int64_t>(what);
    default:
      break;
  }
  STEER_ASSIGN_OR_RETURN(const uint64_t value, reader_.Number<uint64_t>(what));
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return Refuse(what, absl::StrCat(value), "at most 2^63-1");
  }
  return static_cast<int64_t>(value);
}

absl::StatusOr<double> Parser::Float(uint32_t type, absl::string_view what) {
  if (type == kFloat32) return reader_.Number<float>(what);
  return reader_.Number<double>(what);
}

absl::StatusOr<bool> Parser::Bool(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint8_t value, reader_.Number<uint8_t>(what));
  if (value > 1) return Refuse(what, absl::StrCat("boolean ", value), "0 or 1");
  return value == 1;
}

absl::StatusOr<Value> Parser::Scalar(uint32_t type, absl::string_view what) {
  switch (type) {
    case kString:
      return Text(what);
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
absl::StatusOr<Value> Parser::Elements(uint64_t count, Read read) {
  std::vector<T> elements;
  elements.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    STEER_ASSIGN_OR_RETURN(T element, read());
    elements.push_back(std::move(element));
  }
  return Value(std::move(elements));
}

absl::StatusOr<Value> Parser::Array(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint32_t type, reader_.Number<uint32_t>(what));
  if (type >= kValueTypes || type == kArray) {
    return Refuse(what, absl::StrCat("an array of type ", type), "an array of scalars or strings");
  }
  STEER_ASSIGN_OR_RETURN(const uint64_t count,
                         Count(what, kLeastBytes[type], kMaxArrayElements - array_elements_));
  array_elements_ += count;
  switch (type) {
    case kString:
      return Elements<std::string>(count, [&] { return Text(what); });
    case kBool:
      return Elements<bool>(count, [&] { return Bool(what); });
    case kFloat32:
    case kFloat64:
      return Elements<double>(count, [&] { return Float(type, what); });
    default:
      return Elements<int64_t>(count, [&] { return Integer(type, what); });
  }
}

absl::Status Parser::ReadKey() {
  STEER_ASSIGN_OR_RETURN(std::string key, Text("key"));
  const std::string what = absl::StrCat("key ", Quoted(key));
  STEER_ASSIGN_OR_RETURN(const uint32_t type, reader_.Number<uint32_t>(what));
  if (type >= kValueTypes) return Refuse(what, absl::StrCat("type ", type), "types 0 to 12");
  STEER_ASSIGN_OR_RETURN(Value value, type == kArray ? Array(what) : Scalar(type, what));
  if (key == "general.alignment") {
    const int64_t* const alignment = std::get_if<int64_t>(&value);
    if (alignment == nullptr || *alignment <= 0 || *alignment > kMaxAlignment ||
        (*alignment & (*alignment - 1)) != 0) {
      return Refuse(what, alignment == nullptr ? "another type" : absl::StrCat(*alignment),
                    "a power of two up to 2^30");
    }
    alignment_ = static_cast<uint64_t>(*alignment);
  }
  if (!contents_.metadata.emplace(std::move(key), std::move(value)).second) {
    return Refuse(what, "a second value", "each key once");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> Parser::Shape(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint32_t rank, reader_.Number<uint32_t>(what));
  if (rank < 1 || rank > kMaxDimensions) {
    return Refuse(what, absl::StrCat(rank, " dimensions"), absl::StrCat("1 to ", kMaxDimensions));
  }
  std::vector<int64_t> shape(rank);
  for (uint32_t i = rank; i-- > 0;) {  // the file has the innermost dimension first
    STEER_ASSIGN_OR_RETURN(shape[i], Integer(kUint64, what));
  }
  return shape;
}

absl::Status Parser::ReadTensor() {
  STEER_ASSIGN_OR_RETURN(std::string name, Text("tensor name"));
  const std::string what = absl::StrCat("tensor ", Quoted(name));
  STEER_ASSIGN_OR_RETURN(std::vector<int64_t> shape, Shape(what));
  STEER_ASSIGN_OR_RETURN(const uint32_t type, reader_.Number<uint32_t>(what));
  STEER_ASSIGN_OR_RETURN(const uint64_t offset, reader_.Number<uint64_t>(what));
  const std::optional<Encoding> encoding = EncodingOfGgufType(type);
  if (!encoding) {
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_TENSOR_TYPE", what, absl::StrCat("tensor type ", type),
                       "0 (F32), 1 (F16), 2 (Q4_0), 3 (Q4_1), 6 (Q5_0), 7 (Q5_1), 8 (Q8_0), "
                       "12 (Q4_K), 13 (Q5_K), 14 (Q6_K), 30 (BF16)"});
  }
  const std::optional<int64_t> size = StoredBytes(*encoding, shape);
  if (!size) {
    return Refuse(what, absl::StrCat("shape ", ShapeString(shape)),
                  absl::StrCat("positive dimensions, the innermost a multiple of ",
                               BlockElements(*encoding), ", less than 2^63 bytes"));
  }
  const auto [at, added] =
      contents_.tensors.emplace(std::move(name), StoredTensor{*encoding, std::move(shape), {}});
  if (!added) return Refuse(what, "a second tensor of this name", "each name once");
  placed_.push_back({offset, static_cast<uint64_t>(*size), at});
  return absl::OkStatus();
}

absl::Status Parser::PlaceTensors() {
  if (placed_.empty()) return absl::OkStatus();
  const uint64_t start = (reader_.offset() + alignment_ - 1) / alignment_ * alignment_;
  const uint64_t room = bytes_.size() - std::min<uint64_t>(bytes_.size(), start);
  std::sort(placed_.begin(), placed_.end(),
            [](const Placed& a, const Placed& b) { return a.offset < b.offset; });
  uint64_t end = 0;  // of the tensor before
  for (const Placed& placed : placed_) {
    const std::string what = absl::StrCat("tensor ", Quoted(placed.tensor->first), " at byte ",
                                          start, " + ", placed.offset);
    if (placed.offset % alignment_ != 0) {
      return InvalidField(what, "a misaligned offset", absl::StrCat("a multiple of ", alignment_));
    }
    if (placed.offset > room || placed.size > room - placed.offset) {
      return InvalidField(what, absl::StrCat(placed.size, " bytes"),
                          absl::StrCat("an end within the ", bytes_.size(), " bytes of the file"));
    }
    if (placed.offset < end) {
      return InvalidField(what, "an overlap with the tensor before", "tensors that do not overlap");
    }
    end = placed.offset + placed.size;
    placed.tensor->second.bytes = bytes_.subspan(start + placed.offset, placed.size);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GgufContents> ParseGguf(std::span<const std::byte> bytes) {
  return Parser(bytes).Parse();
}

}  // namespace steer
