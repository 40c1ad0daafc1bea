#include "core/signal/signal_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// In an expected shape: any number from 1 up.
constexpr int64_t kRank = -1;
// Rows that must be orthonormal are checked with one another, whenever a signal is loaded.
constexpr int64_t kMostOrthonormalRows = 256;
// So that |w|^2 is a normal number of fp32.
constexpr double kShortest = 1e-12, kLongest = 1e12;

struct ExpectedTensor {
  absl::string_view name;
  bool required = true;
  std::vector<int64_t> shape;
};

// The first tensor decides the rank of the others.
std::vector<ExpectedTensor> ExpectedTensors(SignalKind kind, int64_t rank, int64_t in, int64_t out,
                                            int64_t kv_heads) {
  switch (kind) {
    case SignalKind::kVector:
      return {{"v", true, {out}}};
    case SignalKind::kLora:
      return {{"A", true, {kRank, in}}, {"B", true, {out, rank}}, {"db", false, {out}}};
    case SignalKind::kLocalWeight:
      return {{"dW", true, {out, in}}, {"db", false, {out}}};
    case SignalKind::kBottleneck:
      return {{"D", true, {kRank, out}},
              {"U", true, {out, rank}},
              {"e", false, {rank}},
              {"b", false, {out}}};
    case SignalKind::kFeatureShift:
      return {{"W_enc", true, {kRank, out}}, {"b_enc", true, {rank}}, {"W_dec", true, {rank, out}},
              {"W_a", true, {rank, out}},    {"b_a", true, {rank}},   {"tau", true, {rank}},
              {"threshold", false, {rank}}};
    case SignalKind::kLowRankAffine:
      return {{"R", true, {kRank, out}}, {"W", true, {rank, out}}, {"b", false, {rank}}};
    case SignalKind::kClamp:
      return {{"W", true, {kRank, out}}, {"a", true, {rank}}};
    case SignalKind::kNullOut:
      return {{"w", true, {out}}, {"b", false, {1}}};
    case SignalKind::kKv:
      return {{"S_k", false, {kv_heads, out / kv_heads}},
              {"S_v", false, {kv_heads, out / kv_heads}}};
  }
  return {};
}

// The ranks of a site's tensors must agree: it is read off the first, which is checked first.
int64_t RankOf(SignalKind kind, const SiteUpdate& update) {
  const auto first = update.tensors.find(TensorNames(kind).front());
  return first == update.tensors.end() || first->second.shape.empty() ? kRank
                                                                      : first->second.shape[0];
}

std::string ExpectedShape(const std::vector<int64_t>& shape) {
  std::vector<std::string> parts;
  parts.reserve(shape.size());
  for (const int64_t size : shape) {
    parts.push_back(size == kRank ? "rank >= 1" : absl::StrCat(size));
  }
  return absl::StrCat("[", absl::StrJoin(parts, ", "), "]");
}

bool ShapeFits(const std::vector<int64_t>& shape, const std::vector<int64_t>& expected) {
  return std::equal(
      shape.begin(), shape.end(), expected.begin(), expected.end(),
      [](int64_t got, int64_t want) { return want == kRank ? got >= 1 : got == want; });
}

absl::Status CheckTensor(const std::string& name, const HostTensor& tensor,
                         const std::vector<int64_t>& expected) {
  if (tensor.dtype != DType::kF32) return InvalidField(name, Name(tensor.dtype), "F32");
  if (!ShapeFits(tensor.shape, expected)) {
    return InvalidField(name, absl::StrCat("shape ", ShapeString(tensor.shape)),
                        absl::StrCat("shape ", ExpectedShape(expected)));
  }
  const std::optional<int64_t> count = ElementCount(tensor.shape);
  if (!count || tensor.data.size() / sizeof(float) != static_cast<size_t>(*count) ||
      tensor.data.size() % sizeof(float) != 0) {
    return InvalidField(name, absl::StrCat(tensor.data.size(), " bytes"),
                        absl::StrCat("4 bytes for each element of ", ShapeString(tensor.shape)));
  }
  const std::span<const float> values = tensor.floats();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return !std::isfinite(value); });
  if (bad != values.end()) {
    return InvalidField(name, absl::StrCat(*bad, " at element ", bad - values.begin()),
                        "finite numbers");
  }
  return absl::OkStatus();
}

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

absl::Status CheckOrthonormal(const std::string& name, const HostTensor& rows) {
  const int64_t count = rows.shape[0], width = rows.shape[1];
  const int64_t most = std::min(width, kMostOrthonormalRows);
  if (count > most) {
    return InvalidField(name, absl::StrCat(count, " rows"),
                        absl::StrCat("1..", most, " orthonormal rows"));
  }
  const std::span<const float> values = rows.floats();
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t k = 0; k <= i; ++k) {
      const double dot = Dot(values.subspan(i * width, width), values.subspan(k * width, width));
      if (std::abs(dot - (i == k ? 1 : 0)) <= kOrthonormalTolerance) continue;
      return InvalidField(name, absl::StrCat("a product of rows ", k, " and ", i, " of ", dot),
                          "orthonormal rows: 1 of a row with itself, 0 of two, within 1e-3");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLength(const std::string& name, const HostTensor& tensor) {
  const double length = std::sqrt(Dot(tensor.floats(), tensor.floats()));
  if (length >= kShortest && length <= kLongest) return absl::OkStatus();
  return InvalidField(name, absl::StrCat("a length of ", length), "a length of 1e-12 to 1e12");
}

absl::Status CheckNotNegative(const std::string& name, const HostTensor& tensor) {
  const std::span<const float> values = tensor.floats();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float value) { return value < 0; });
  if (bad == values.end()) return absl::OkStatus();
  return InvalidField(name, absl::StrCat(*bad, " at element ", bad - values.begin()),
                      "numbers from 0 up");
}

// What a kind demands of values; shapes are right.
absl::Status CheckValues(SignalKind kind, const SiteUpdate& update) {
  const auto check = [&](const char* name, auto demand) {
    return demand(absl::StrCat(ToString(update.site), ".", name), update.tensors.at(name));
  };
  if (kind == SignalKind::kClamp) return check("W", CheckOrthonormal);
  if (kind == SignalKind::kLowRankAffine) return check("R", CheckOrthonormal);
  if (kind == SignalKind::kNullOut) return check("w", CheckLength);
  if (kind == SignalKind::kKv && update.tensors.empty())
    return InvalidField(ToString(update.site), "no tensor", "S_k, S_v or both");
  if (kind != SignalKind::kFeatureShift) return absl::OkStatus();
  STEER_RETURN_IF_ERROR(check("tau", CheckNotNegative));
  return update.tensors.contains("threshold") ? check("threshold", CheckNotNegative)
                                              : absl::OkStatus();
}

}  // namespace

std::vector<std::string> TensorNames(SignalKind kind) {
  std::vector<std::string> names;
  for (const ExpectedTensor& expected : ExpectedTensors(kind, kRank, 0, 0, 1)) {
    names.emplace_back(expected.name);
  }
  return names;
}

absl::Status CheckServed(SignalKind kind, const std::string& name, const std::string& field) {
  if (kind != SignalKind::kLowRankAffine || (name != "W_sigma" && name != "b_sigma"))
    return absl::OkStatus();
  return FieldError(absl::StatusCode::kUnimplemented,
                    {"UNSUPPORTED_TENSOR", field, "the stochastic part of D-ReFT",
                     "its mean: R, W = W_mu and b = b_mu"});
}

absl::Status CheckTensors(SignalKind kind, const SiteUpdate& update, const ModelShape& shape) {
  const std::string site = ToString(update.site);
  const std::vector<std::string> names = TensorNames(kind);
  for (const auto& [name, tensor] : update.tensors) {
    const std::string field = absl::StrCat(site, ".", name);
    STEER_RETURN_IF_ERROR(CheckServed(kind, name, field));
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return InvalidField(field, "an unknown tensor",
                          absl::StrCat(absl::StrJoin(names, ", "), " for kind ", Name(kind)));
    }
  }
  const int64_t in = shape.ReadWidth(update.site.kind, update.read);
  const int64_t out = shape.Dims(update.site.kind).out;
  for (const ExpectedTensor& expected :
       ExpectedTensors(kind, RankOf(kind, update), in, out, shape.kv_heads)) {
    const std::string name = absl::StrCat(site, ".", expected.name);
    const auto it = update.tensors.find(std::string(expected.name));
    if (it != update.tensors.end()) {
      STEER_RETURN_IF_ERROR(CheckTensor(name, it->second, expected.shape));
    } else if (expected.required) {
      return InvalidField(name, "no tensor",
                          absl::StrCat("a tensor of shape ", ExpectedShape(expected.shape)));
    }
  }
  return CheckValues(kind, update);
}

}  // namespace steer
