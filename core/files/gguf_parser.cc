#include "core/files/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/host_tensor.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/files/gguf_value_reader.h"

namespace steer {
namespace {

constexpr uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr uint32_t kVersion = 3;
constexpr uint64_t kDefaultAlignment = 32;
constexpr uint64_t kMaxAlignment = 1'073'741'824;  // 2^30
constexpr uint32_t kMaxDimensions = 4;

// Far above any real model, and low enough that a hostile file cannot make us hold many times its
// own size in small objects.
constexpr uint64_t kMaxKeys = 65'536;
constexpr uint64_t kMaxTensors = 1'048'576;

// The fewest bytes one entry can take: a key is an empty name, a type and one byte; a tensor an
// empty name, a dimension count, one dimension, a type and an offset.
constexpr uint64_t kLeastKeyBytes = 8 + 4 + 1;
constexpr uint64_t kLeastTensorBytes = 8 + 4 + 8 + 4 + 8;

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
  absl::Status SetAlignment(const GgufFile::Value& value, absl::string_view what);
  absl::Status ReadTensor();
  absl::Status PlaceTensors();

  absl::StatusOr<std::vector<int64_t>> Shape(absl::string_view what);

  std::span<const std::byte> bytes_;
  GgufValueReader reader_;
  uint64_t tensor_count_ = 0;
  uint64_t key_count_ = 0;
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
  if (magic != kMagic) {
    const absl::string_view got(reinterpret_cast<const char*>(bytes_.data()), sizeof magic);
    return InvalidField("magic at byte 0", Quoted(got), "'GGUF'");
  }
  STEER_ASSIGN_OR_RETURN(const uint32_t version, reader_.Number<uint32_t>("version"));
  if (version != kVersion) {
    const bool swapped = __builtin_bswap32(version) == kVersion;
    return FieldError(absl::StatusCode::kUnimplemented,
                      {"UNSUPPORTED_VERSION", "version at byte 4",
                       swapped ? std::string("a big-endian file") : absl::StrCat(version),
                       absl::StrCat(kVersion, ", little-endian")});
  }
  STEER_ASSIGN_OR_RETURN(tensor_count_,
                         reader_.Count("tensor count", kLeastTensorBytes, kMaxTensors));
  STEER_ASSIGN_OR_RETURN(key_count_, reader_.Count("key count", kLeastKeyBytes, kMaxKeys));
  return absl::OkStatus();
}

absl::Status Parser::SetAlignment(const GgufFile::Value& value, absl::string_view what) {
  constexpr absl::string_view kAllowed = "a power of two up to 2^30";
  if (!std::holds_alternative<int64_t>(value)) {
    return reader_.Refuse(what, "another type", kAllowed);
  }
  // A negative number is a very large one here.
  const auto alignment = static_cast<uint64_t>(std::get<int64_t>(value));
  if (!std::has_single_bit(alignment) || alignment > kMaxAlignment) {
    return reader_.Refuse(what, absl::StrCat(std::get<int64_t>(value)), kAllowed);
  }
  alignment_ = alignment;
  return absl::OkStatus();
}

absl::Status Parser::ReadKey() {
  STEER_ASSIGN_OR_RETURN(std::string key, reader_.String("key"));
  const std::string what = absl::StrCat("key ", Quoted(key));
  STEER_ASSIGN_OR_RETURN(GgufFile::Value value, reader_.Value(what));
  if (key == "general.alignment") STEER_RETURN_IF_ERROR(SetAlignment(value, what));
  if (!contents_.metadata.emplace(std::move(key), std::move(value)).second) {
    return reader_.Refuse(what, "a second value", "each key once");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> Parser::Shape(absl::string_view what) {
  STEER_ASSIGN_OR_RETURN(const uint32_t rank, reader_.Number<uint32_t>(what));
  if (rank < 1 || rank > kMaxDimensions) {
    return reader_.Refuse(what, absl::StrCat(rank, " dimensions"),
                          absl::StrCat("1 to ", kMaxDimensions));
  }
  std::vector<int64_t> shape(rank);
  for (uint32_t i = rank; i-- > 0;) {  // the file has the innermost dimension first
    STEER_ASSIGN_OR_RETURN(shape[i], reader_.Unsigned(what));
  }
  return shape;
}

absl::Status Parser::ReadTensor() {
  STEER_ASSIGN_OR_RETURN(std::string name, reader_.String("tensor name"));
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
    return reader_.Refuse(what, absl::StrCat("shape ", ShapeString(shape)),
                          absl::StrCat("positive dimensions, the innermost a multiple of ",
                                       BlockElements(*encoding), ", less than 2^63 bytes"));
  }
  const auto [at, added] =
      contents_.tensors.emplace(std::move(name), StoredTensor{*encoding, std::move(shape), {}});
  if (!added) return reader_.Refuse(what, "a second tensor of this name", "each name once");
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
