#include "core/signal/signal_data.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/canonical_form.h"
#include "core/base/quoted.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/signal/signal_tensors.h"

namespace steer {
namespace {

constexpr size_t kMaxMarkBytes = 128;

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

absl::Status CheckPlace(SignalKind kind, Site site, Read read, const ModelShape& shape) {
  if (site.layer < 0 || site.layer >= shape.layers) {
    return InvalidField(ToString(site), absl::StrCat("layer ", site.layer),
                        absl::StrCat("layers 0 to ", shape.layers - 1));
  }
  const bool own_input = read == Read::kSiteInput;
  const std::string field = absl::StrCat(ToString(site), ".read");
  const SiteKind only = kind == SignalKind::kKv ? SiteKind::kKv : SiteKind::kBlockOut;
  if (!IsAffine(kind) && site.kind != only) {
    return InvalidField(ToString(site), Name(site.kind),
                        absl::StrCat(Name(only), " for kind ", Name(kind)));
  }
  if (IsAffine(kind) && site.kind == SiteKind::kKv) {
    return InvalidField(ToString(site), Name(site.kind),
                        absl::StrCat("a linear or block_out for kind ", Name(kind)));
  }
  if (!IsAffine(kind) || kind == SignalKind::kVector) {
    return own_input
               ? absl::OkStatus()
               : InvalidField(field, Name(read),
                              kind == SignalKind::kVector
                                  ? "none: a vector reads nothing"
                                  : absl::StrCat("none: a ", Name(kind), " reads what it changes"));
  }
  if (site.kind == SiteKind::kBlockOut) {
    return own_input
               ? InvalidField(field, "none", "block_in, attn_in, mlp_in, mlp_mid or block_out")
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
    STEER_RETURN_IF_ERROR(CheckPlace(signal.kind, update.site, update.read, shape));
    STEER_RETURN_IF_ERROR(CheckTensors(signal.kind, update, shape));
    if (!seen.insert(update.site).second) {
      return InvalidField(ToString(update.site), "the site twice", "each site once");
    }
  }
  if (signal.kind != SignalKind::kBottleneck && signal.nonlinearity != Nonlinearity::kIdentity) {
    return InvalidField("nonlinearity", Name(signal.nonlinearity),
                        absl::StrCat("none for kind ", Name(signal.kind)));
  }
  STEER_RETURN_IF_ERROR(CheckMark("model_shape", signal.marks.shape));
  STEER_RETURN_IF_ERROR(CheckMark("model_weights", signal.marks.weights));
  // Written so that NaN fails too.
  if (!(std::abs(signal.default_multiplier) <= kMaxMultiplier)) {
    return InvalidField("default_multiplier", absl::StrCat(signal.default_multiplier),
                        "-1e6 to 1e6");
  }
  if (signal.kind == SignalKind::kKv && !signal.default_positions.prompt) {
    return InvalidField("default_positions", "none of the prompt",
                        "some of the prompt: a kv signal acts on a token of it");
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
  if (signal.kind == SignalKind::kBottleneck) form.Text(Name(signal.nonlinearity));
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
