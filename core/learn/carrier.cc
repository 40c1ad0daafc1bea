#include "core/learn/carrier.h"

#include <cmath>
#include <optional>
#include <tuple>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "ATen/core/grad_mode.h"
#include "ATen/ops/linalg_qr.h"
#include "core/base/check.h"

namespace steer {
namespace {

// In main memory, so that a seed means the same on every device.
at::Tensor Uniform(at::IntArrayRef shape, double bound, at::Generator& generator) {
  return at::empty(shape, at::dtype(at::kFloat)).uniform_(-bound, bound, generator);
}

at::Tensor Noise(const at::Tensor& like, double deviation, at::Generator& generator) {
  return at::empty(like.sizes(), at::dtype(at::kFloat))
      .normal_(0, deviation, generator)
      .to(like.device(), like.scalar_type());
}

at::Tensor FromHost(const HostTensor& tensor) {
  return at::from_blob(const_cast<std::byte*>(tensor.data.data()), tensor.shape,
                       at::dtype(at::kFloat));
}

HostTensor ToHost(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  return HostTensor::FromFloats(values.sizes().vec(),
                                {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
}

// The orthonormal rows nearest in turn to `rows`: Gram-Schmidt, by a QR decomposition whose signs
// are those of the rows.
at::Tensor Orthonormal(const at::Tensor& rows) {
  const auto [q, r] = at::linalg_qr(rows.t(), "reduced");  // [hidden, rank], [rank, rank]
  return (q * r.diagonal().sign()).t();
}

bool IsFrozen(const std::string& name) {
  return name == "W_enc" || name == "b_enc" || name == "W_dec" || name == "threshold";
}

// Leaves out components of what is added: rows of the tensors that make it.
void Thin(double dropout, at::Generator& generator, Carrier::Tensors& tensors) {
  at::Tensor kept;  // [out]
  for (const char* name : {"v", "B", "dW", "db", "U", "b"}) {
    const auto it = tensors.find(name);
    if (it == tensors.end()) continue;
    at::Tensor& tensor = it->second;
    if (!kept.defined()) {
      kept = at::empty({tensor.size(0)}, at::dtype(at::kFloat))
                 .bernoulli_(1 - dropout, generator)
                 .div_(1 - dropout)
                 .to(tensor.device(), tensor.scalar_type());
    }
    tensor = tensor * (tensor.dim() == 2 ? kept.unsqueeze(1) : kept);
  }
}

Carrier::Tensors Start(const CarrierSpec& spec, int64_t out, int64_t in, at::Generator& generator) {
  switch (spec.kind) {
    case SignalKind::kVector:
      return {{"v", Uniform({out}, 1 / std::sqrt(out), generator)}};
    case SignalKind::kLora:
      return {{"A", Uniform({spec.rank, in}, 1 / std::sqrt(spec.rank), generator)},
              {"B", at::zeros({out, spec.rank})}};
    case SignalKind::kLocalWeight:
      return {{"dW", at::zeros({out, in})}, {"db", at::zeros({out})}};
    case SignalKind::kBottleneck:
      return {{"D", Uniform({spec.rank, out}, 1e-3 / std::sqrt(out), generator)},
              {"U", at::zeros({out, spec.rank})}};
    case SignalKind::kLowRankAffine: {
      const at::Tensor r = Orthonormal(Uniform({spec.rank, out}, 1, generator));
      Carrier::Tensors tensors = {{"R", r}, {"W", r.clone()}, {"b", at::zeros({spec.rank})}};
      if (!spec.distribution) return tensors;
      tensors.emplace("W_sigma", at::zeros({spec.rank, out}));
      tensors.emplace("b_sigma", at::full({spec.rank}, -6.0));
      return tensors;
    }
    case SignalKind::kFeatureShift: {
      constexpr double kStart = 1e-6;
      Carrier::Tensors tensors;
      for (const auto& [name, tensor] : spec.autoencoder->updates.front().tensors)
        if (IsFrozen(name)) tensors.emplace(name, FromHost(tensor));
      const int64_t features = tensors["W_enc"].size(0);
      tensors.emplace("W_a", Uniform({features, out}, kStart, generator));
      tensors.emplace("b_a", at::zeros({features}));
      tensors.emplace("tau", at::full({features}, kStart));
      return tensors;
    }
    case SignalKind::kClamp:
      return {{"W", Orthonormal(Uniform({spec.rank, out}, 1, generator))}};
    default:  // refused by Validate
      STEER_CHECK(false);
      return {};
  }
}

}  // namespace

Carrier Carrier::Create(const CarrierSpec& spec, const ModelShape& shape, uint64_t seed,
                        at::Device device, at::ScalarType type) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  Carrier carrier(spec);
  for (const auto& [site, read] : spec.places) {
    const int64_t out = shape.Dims(site.kind).out, in = shape.ReadWidth(site.kind, read);
    carrier.Add(Start(spec, out, in, generator), device, type);
  }
  return carrier;
}

Carrier Carrier::Of(const SignalData& signal, at::Device device, at::ScalarType type) {
  Carrier carrier({.kind = signal.kind, .nonlinearity = signal.nonlinearity});
  for (const SiteUpdate& from : signal.updates) {
    carrier.spec_.places.emplace_back(from.site, from.read);
    Tensors tensors;
    for (const auto& [name, tensor] : from.tensors) tensors.emplace(name, FromHost(tensor));
    for (const char* rank : {"A", "D", "R"}) {
      if (tensors.contains(rank)) carrier.spec_.rank = static_cast<int>(tensors[rank].size(0));
    }
    carrier.Add(tensors, device, type);
  }
  return carrier;
}

int Carrier::first_layer() const {
  const auto& [site, read] = spec_.places.front();
  const bool behind =
      site.kind == SiteKind::kBlockOut && (read == Read::kSiteInput || read == Read::kBlockOut);
  return behind ? site.layer + 1 : site.layer;
}

// What learns may leave what its kind demands; what acts must not.
Carrier::Tensors Carrier::Acting(size_t place, Tensors tensors) const {
  if (spec_.kind == SignalKind::kLowRankAffine) tensors["R"] = Orthonormal(tensors["R"]);
  if (spec_.kind == SignalKind::kFeatureShift) tensors["tau"] = at::relu(tensors["tau"]);
  if (spec_.kind == SignalKind::kClamp) {
    at::Tensor& w = tensors["W"];
    w = Orthonormal(w);
    tensors["a"] = target_.defined() ? w.matmul(target_.to(w.scalar_type()))
                                     : at::zeros({w.size(0)}, w.options());
  }
  tensors.insert(frozen_[place].begin(), frozen_[place].end());
  return tensors;
}

void Carrier::Add(const Tensors& tensors, at::Device device, at::ScalarType type) {
  Tensors& leaves = tensors_.emplace_back();
  Tensors& frozen = frozen_.emplace_back();
  for (const auto& [name, tensor] : tensors) {
    at::Tensor leaf = tensor.to(device, type, /*non_blocking=*/false, /*copy=*/true);
    if (IsFrozen(name)) {
      frozen.emplace(name, leaf);
      continue;
    }
    leaf.set_requires_grad(true);
    leaves.emplace(name, leaf);
    parameters_.push_back(leaf);
  }
}

std::vector<SignalTerm> Carrier::Terms(at::ScalarType weight_type) const {
  return Terms(weight_type, nullptr);
}

std::vector<SignalTerm> Carrier::Terms(at::ScalarType weight_type, const Chance& chance) const {
  return Terms(weight_type, &chance);
}

std::vector<SignalTerm> Carrier::Terms(at::ScalarType weight_type, const Chance* chance) const {
  const auto [dropout, noise, seed] = chance == nullptr ? Chance() : *chance;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  std::vector<SignalTerm> terms;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    Tensors tensors = tensors_[i];
    if (noise > 0) {
      for (auto& [name, tensor] : tensors) tensor = tensor + Noise(tensor, noise, generator);
    }
    tensors = Acting(i, std::move(tensors));
    if (dropout > 0) Thin(dropout, generator, tensors);
    for (const char* name : {"A", "B", "dW"}) {
      if (tensors.contains(name)) tensors[name] = tensors[name].to(weight_type);
    }
    const auto& [site, read] = spec_.places[i];
    SignalTerm& term =
        terms.emplace_back(MakeTerm(spec_.kind, spec_.nonlinearity, site, read, tensors));
    if (chance == nullptr || !spec_.distribution) continue;
    auto& affine = std::get<LowRankAffineTerm>(term.change);
    affine.w_sigma = tensors.at("W_sigma");
    affine.b_sigma = tensors.at("b_sigma");
    affine.seed = seed + i;
  }
  return terms;
}

void Carrier::Separate() {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const std::optional<size_t> down = DownProjOf(spec_, i);
    if (!down) continue;
    const at::Tensor q = std::get<0>(at::linalg_qr(tensors_[*down].at("B"), "reduced"));
    at::Tensor a = tensors_[i].at("A");  // [rank, hidden]
    a.sub_(a.matmul(q).matmul(q.t()));
  }
}

SignalData Carrier::ToSignal() const {
  const at::NoGradGuard no_grad;
  SignalData signal;
  signal.kind = spec_.kind;
  signal.nonlinearity = spec_.nonlinearity;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    SiteUpdate& to = signal.updates.emplace_back();
    std::tie(to.site, to.read) = spec_.places[i];
    for (const auto& [name, tensor] : Acting(i, tensors_[i])) {
      if (name != "W_sigma" && name != "b_sigma") to.tensors.emplace(name, ToHost(tensor));
    }
  }
  return signal;
}

}  // namespace steer
