#include "core/files/safetensors_header.h"

#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "nlohmann/json.hpp"

namespace steer {
namespace {

constexpr absl::string_view kMetadata = "__metadata__";
constexpr size_t kMaxDimensions = 64;

// Follows the events of the JSON parser. A tree would be simpler to read, but it keeps only the
// last of two equal keys, and it is built before anyone can object to its depth.
class HeaderReader final : public nlohmann::json::json_sax_t {
 public:
  bool null() override { return Unexpected("null"); }
  bool boolean(bool value) override { return Unexpected("a boolean"); }
  bool number_integer(number_integer_t value) override { return Unexpected("a negative number"); }
  bool number_unsigned(number_unsigned_t value) override;
  bool number_float(number_float_t value, const string_t& text) override {
    return Unexpected("a number that is not an integer below 2^64");
  }
  bool string(string_t& value) override;
  bool binary(binary_t& value) override { return Unexpected("binary"); }
  bool start_object(size_t size) override;
  bool key(string_t& value) override;
  bool end_object() override;
  bool start_array(size_t size) override;
  bool end_array() override;
  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::json::exception& error) override {
    // The parser's own text may quote bytes of the file that are not UTF-8. It counts from 1, and
    // the header stands behind the 8 bytes of its size.
    return Refuse(absl::StrCat("header at byte ", position + 7),
                  absl::StrCat("near ", Quoted(last_token)), "valid UTF-8 JSON");
  }

  const absl::Status& status() const { return status_; }
  SafetensorsHeader Take() { return std::move(header_); }

 private:
  enum class Place : uint8_t { kStart, kRoot, kMetadata, kTensor, kShape, kOffsets, kEnd };
  enum Field : uint8_t { kDType = 1, kShape = 2, kOffsets = 4, kAllFields = 7 };

  bool Refuse(absl::string_view field, absl::string_view got, absl::string_view allowed) {
    status_ = InvalidField(field, got, allowed);
    return false;
  }
  bool Unexpected(absl::string_view got);
  // "tensor 'a'.shape"
  std::string Where() const;

  absl::Status status_;
  SafetensorsHeader header_;
  Place place_ = Place::kStart;
  bool has_metadata_ = false;
  std::string name_;                             // the last key of the root
  std::string entry_;                            // the last key below it
  SafetensorsHeader::Tensor* tensor_ = nullptr;  // while in a tensor
  Field field_ = kDType;                         // while in a tensor
  uint8_t fields_ = 0;                           // those seen of this tensor
};

std::string HeaderReader::Where() const {
  switch (place_) {
    case Place::kStart:
    case Place::kEnd:
      return "header";
    case Place::kRoot:
      return name_.empty() ? "header" : absl::StrCat("tensor ", Quoted(name_));
    case Place::kMetadata:
      return absl::StrCat(kMetadata, ".", Quoted(entry_));
    default:
      return absl::StrCat("tensor ", Quoted(name_), ".", Quoted(entry_));
  }
}

bool HeaderReader::Unexpected(absl::string_view got) {
  absl::string_view allowed = "an object";
  if (place_ == Place::kMetadata) allowed = "a string";
  if (place_ == Place::kShape) allowed = "an array of dimensions";
  if (place_ == Place::kOffsets) allowed = "an array of two byte offsets";
  if (place_ == Place::kTensor) {
    allowed = field_ == kDType ? "the name of a dtype" : "an array of integers from 0 to 2^63-1";
  }
  return Refuse(Where(), got, allowed);
}

bool HeaderReader::number_unsigned(number_unsigned_t value) {
  if (place_ == Place::kShape) {
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      return Refuse(Where(), absl::StrCat(value), "dimensions up to 2^63-1");
    }
    if (tensor_->shape.size() == kMaxDimensions) {
      return Refuse(Where(), "more dimensions", absl::StrCat("at most ", kMaxDimensions));
    }
    tensor_->shape.push_back(static_cast<int64_t>(value));
    return true;
  }
  if (place_ == Place::kOffsets && tensor_->data_offsets.size() < 2) {
    tensor_->data_offsets.push_back(value);
    return true;
  }
  return Unexpected(absl::StrCat(value));
}

bool HeaderReader::string(string_t& value) {
  if (place_ == Place::kMetadata) {
    header_.metadata[entry_] = std::move(value);
    return true;
  }
  if (place_ != Place::kTensor || field_ != kDType) return Unexpected("a string");
  const std::optional<DType> dtype = DTypeFromName(value);
  if (!dtype) {
    return Refuse(Where(), Quoted(value), "F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL");
  }
  tensor_->dtype = *dtype;
  return true;
}

bool HeaderReader::start_object(size_t size) {
  if (place_ == Place::kStart) {
    place_ = Place::kRoot;
    return true;
  }
  if (place_ != Place::kRoot) return Unexpected("an object");
  if (name_ == kMetadata) {
    place_ = Place::kMetadata;
    return true;
  }
  place_ = Place::kTensor;
  tensor_ = &header_.tensors[name_];
  fields_ = 0;
  return true;
}

bool HeaderReader::key(string_t& value) {
  if (place_ == Place::kRoot) {
    const bool metadata = value == kMetadata;
    name_ = std::move(value);
    if (metadata ? std::exchange(has_metadata_, true) : header_.tensors.contains(name_)) {
      return Refuse(Where(), "a second time", "each name once");
    }
    return true;
  }
  entry_ = std::move(value);
  if (place_ == Place::kMetadata) {
    return !header_.metadata.contains(entry_) || Refuse(Where(), "a second time", "each name once");
  }
  if (entry_ != "dtype" && entry_ != "shape" && entry_ != "data_offsets") {
    return Refuse(Where(), "an unknown field", "dtype, shape and data_offsets");
  }
  field_ = entry_ == "dtype" ? kDType : entry_ == "shape" ? kShape : kOffsets;
  if ((fields_ & field_) != 0) return Refuse(Where(), "a second time", "each field once");
  fields_ |= field_;
  return true;
}

bool HeaderReader::end_object() {
  if (place_ == Place::kTensor && fields_ != kAllFields) {
    return Refuse(absl::StrCat("tensor ", Quoted(name_)), "a missing field",
                  "dtype, shape and data_offsets");
  }
  place_ = place_ == Place::kRoot ? Place::kEnd : Place::kRoot;
  return true;
}

bool HeaderReader::start_array(size_t size) {
  if (place_ != Place::kTensor || field_ == kDType) return Unexpected("an array");
  place_ = field_ == kShape ? Place::kShape : Place::kOffsets;
  return true;
}

bool HeaderReader::end_array() {
  if (place_ == Place::kOffsets && tensor_->data_offsets.size() != 2) {
    return Unexpected(absl::StrCat(tensor_->data_offsets.size(), " offsets"));
  }
  place_ = Place::kTensor;
  return true;
}

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(absl::string_view json) {
  // The parser takes a NUL for the end and would not look at what follows it; it would also skip a
  // byte order mark.
  if (json.empty() || json.front() != '{') {
    return InvalidField("header", "another first byte", "'{'");
  }
  if (json.find('\0') != absl::string_view::npos) {
    return InvalidField("header", "a NUL byte", "JSON, padded with spaces");
  }
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &reader)) return reader.status();
  return reader.Take();
}

}  // namespace steer
