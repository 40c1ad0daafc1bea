#include "core/signal/signal_data.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <set>
#include <span>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/canonical_form.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

constexpr std::array<absl::string_view, 3> kKindNames = {"vector", "lora", "local_weight"};
constexpr size_t kMaxMarkBytes = 128;
constexpr int64_t kRank = -1;  // in an expected shape: any number from 1 up

struct ExpectedTensor {
  absl::string_view name;
  bool required = true;
  std::vector<int64_t> shape;
};

// The ranks of A and B must agree, so B's is read off A, which is checked first.
int64_t RankOf(const SiteUpdate& update) {
  const auto a = update.tensors.find("A");
  return a == update.tensors.end() || a->second.shape.empty() ? kRank : a->second.shape[0];
}

std::vector<ExpectedTensor> ExpectedTensors(SignalKind kind, int64_t rank, int64_t in,
                                            int64_t out) {
  switch (kind) {
    case SignalKind::kVector:
      return {{"v", true, {out}}};
    case SignalKind::kLora:
      return {{"A", true, {kRank, in}}, {"B", true, {out, rank}}, {"db", false, {out}}};
    case SignalKind::kLocalWeight:
      return {{"dW", true, {out, in}}, {"db", false, {out}}};
  }
  return {};
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

absl::Status CheckUpdate(SignalKind kind, const SiteUpdate& update, const ModelShape& shape) {
  const std::string site = ToString(update.site);
  STEER_RETURN_IF_ERROR(CheckPlace(kind, update.site, update.read, shape));
  const std::vector<std::string> names = TensorNames(kind);
  for (const auto& [name, tensor] : update.tensors) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      return InvalidField(absl::StrCat(site, ".", name), "an unknown tensor",
                          absl::StrCat(absl::StrJoin(names, ", "), " for kind ", Name(kind)));
    }
  }
  const int64_t in = shape.ReadWidth(update.site.kind, update.read);
  const int64_t out = shape.Dims(update.site.kind).out;
  for (const ExpectedTensor& expected : ExpectedTensors(kind, RankOf(update), in, out)) {
    const std::string name = absl::StrCat(site, ".", expected.name);
    const auto it = update.tensors.find(std::string(expected.name));
    if (it != update.tensors.end()) {
      STEER_RETURN_IF_ERROR(CheckTensor(name, it->second, expected.shape));
    } else if (expected.required) {
      return InvalidField(name, "no tensor",
                          absl::StrCat("a tensor of shape ", ExpectedShape(expected.shape)));
    }
  }
  return absl::OkStatus();
}

// Marks leave the service as text, so they must be plain.
absl::Status CheckMark(absl::string_view field, const std::string& mark) {
  if (mark.size() > kMaxMarkBytes ||
      !std::all_of(mark.begin(), mark.end(), [](char c) { return absl::ascii_isgraph(c); })) {
    return InvalidField(field, Quoted(mark), "at most 128 visible ASCII characters");
  }
  return absl::OkStatus();
}

void Add(CanonicalForm& form, const SiteUpdate& update) {
  form.Text(ToString(update.site));
  form.Text(Name(update.read));
  form.Number(update.tensors.size());
  for (const auto& [name, tensor] : update.tensors) {
    form.Text(name);
    form.Text(Name(tensor.dtype));
    form.Number(tensor.shape.size());
    for (const int64_t size : tensor.shape) form.Number(static_cast<uint64_t>(size));
    form.Bytes(tensor.data);
  }
}

}  // namespace

absl::string_view Name(SignalKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

absl::StatusOr<SignalKind> ParseSignalKind(absl::string_view text, absl::string_view field) {
  for (size_t i = 0; i < kKindNames.size(); ++i) {
    if (kKindNames[i] == text) return static_cast<SignalKind>(i);
  }
  return InvalidField(field, Quoted(text), absl::StrJoin(kKindNames, ", "));
}

std::vector<std::string> TensorNames(SignalKind kind) {
  std::vector<std::string> names;
  for (const ExpectedTensor& expected : ExpectedTensors(kind, kRank, 0, 0)) {
    names.emplace_back(expected.name);
  }
  return names;
}

absl::Status CheckPlace(SignalKind kind, Site site, Read read, const ModelShape& shape) {
  if (site.layer < 0 || site.layer >= shape.layers) {
    return InvalidField(ToString(site), absl::StrCat("layer ", site.layer),
                        absl::StrCat("layers 0 to ", shape.layers - 1));
  }
  const bool own_input = read == Read::kSiteInput;
  const std::string field = absl::StrCat(ToString(site), ".read");
  if (kind == SignalKind::kVector) {
    return own_input ? absl::OkStatus()
                     : InvalidField(field, Name(read), "none: a vector reads nothing");
  }
  if (site.kind == SiteKind::kBlockOut) {
    return own_input ? InvalidField(field, "none", "block_in, attn_in, mlp_in or mlp_mid")
                     : absl::OkStatus();
  }
  return own_input ? absl::OkStatus()
                   : InvalidField(field, Name(read),
                                  "input: a linear's update reads what the linear reads");
}

absl::Status Validate(const SignalData& signal, const ModelShape& shape) {
  if (signal.updates.empty()) return InvalidField("signal", "no site", "at least one site");
  std::set<Site> seen;
  for (const SiteUpdate& update : signal.updates) {
    STEER_RETURN_IF_ERROR(CheckUpdate(signal.kind, update, shape));
    if (!seen.insert(update.site).second) {
      return InvalidField(ToString(update.site), "the site twice", "each site once");
    }
  }
  STEER_RETURN_IF_ERROR(CheckMark("model_shape", signal.marks.shape));
  STEER_RETURN_IF_ERROR(CheckMark("model_weights", signal.marks.weights));
  // Written so that NaN fails too.
  if (!(std::abs(signal.default_multiplier) <= kMaxMultiplier)) {
    return InvalidField("default_multiplier", absl::StrCat(signal.default_multiplier),
                        "-1e6 to 1e6");
  }
  return Validate(signal.default_positions, "default_positions");
}

std::string SignalId(const SignalData& signal) {
  CanonicalForm form;
  form.Text("control-signal/1");
  form.Text(Name(signal.kind));
  form.Text(signal.marks.shape);
  form.Text(signal.marks.weights);
  form.Number(std::bit_cast<uint64_t>(signal.default_multiplier));
  form.Flag(signal.default_positions.prompt);
  form.Flag(signal.default_positions.generated);
  form.Number((signal.default_positions.exclude_template_head ? 1 : 0) +
              (signal.default_positions.user_text_only ? 2 : 0));
  std::vector<const SiteUpdate*> updates;
  updates.reserve(signal.updates.size());
  for (const SiteUpdate& update : signal.updates) updates.push_back(&update);
  std::stable_sort(updates.begin(), updates.end(),
                   [](const auto* a, const auto* b) { return a->site < b->site; });
  form.Number(updates.size());
  for (const SiteUpdate* update : updates) Add(form, *update);
  return form.Digest();
}

int64_t TensorBytes(const SignalData& signal) {
  int64_t bytes = 0;
  for (const SiteUpdate& update : signal.updates) {
    for (const auto& [name, tensor] : update.tensors) {
      bytes += static_cast<int64_t>(tensor.data.size());
    }
  }
  return bytes;
}

}  // namespace steer
