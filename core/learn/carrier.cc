#include "core/learn/carrier.h"

#include <cmath>
#include <tuple>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "ATen/core/grad_mode.h"
#include "core/base/check.h"

namespace steer {
namespace {

// In main memory, so that a seed means the same on every device.
at::Tensor Uniform(at::IntArrayRef shape, double bound, at::Generator& generator) {
  return at::empty(shape, at::dtype(at::kFloat)).uniform_(-bound, bound, generator);
}

at::Tensor FromHost(const SiteUpdate& update, const char* name) {
  const auto it = update.tensors.find(name);
  if (it == update.tensors.end()) return {};
  return at::from_blob(const_cast<std::byte*>(it->second.data.data()), it->second.shape,
                       at::dtype(at::kFloat));
}

HostTensor ToHost(const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  return HostTensor::FromFloats(values.sizes().vec(),
                                {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
}

}  // namespace

Carrier Carrier::Create(const CarrierSpec& spec, const ModelShape& shape, uint64_t seed,
                        at::Device device, at::ScalarType type) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  Carrier carrier(spec);
  for (const auto& [site, read] : spec.places) {
    const int64_t out = shape.Dims(site.kind).out, in = shape.ReadWidth(site.kind, read);
    Update update;
    switch (spec.kind) {
      case SignalKind::kVector:
        update.db = Uniform({out}, 1 / std::sqrt(out), generator);
        break;
      case SignalKind::kLora:
        update.a = Uniform({spec.rank, in}, 1 / std::sqrt(spec.rank), generator);
        update.b = at::zeros({out, spec.rank});
        break;
      case SignalKind::kLocalWeight:
        update.dw = at::zeros({out, in});
        update.db = at::zeros({out});
        break;
      default:  // refused by Validate
        STEER_CHECK(false);
    }
    for (at::Tensor* tensor : {&update.a, &update.b, &update.dw, &update.db})
      if (tensor->defined()) *tensor = tensor->to(device, type);
    carrier.Add(std::move(update));
  }
  return carrier;
}

Carrier Carrier::Of(const SignalData& signal, at::Device device, at::ScalarType type) {
  Carrier carrier({.kind = signal.kind});
  for (const SiteUpdate& from : signal.updates) {
    carrier.spec_.places.emplace_back(from.site, from.read);
    Update update;
    update.a = FromHost(from, "A");
    update.b = FromHost(from, "B");
    update.dw = FromHost(from, "dW");
    update.db = FromHost(from, signal.kind == SignalKind::kVector ? "v" : "db");
    if (update.a.defined()) carrier.spec_.rank = static_cast<int>(update.a.size(0));
    for (at::Tensor* tensor : {&update.a, &update.b, &update.dw, &update.db})
      if (tensor->defined())
        *tensor = tensor->to(device, type, /*non_blocking=*/false, /*copy=*/true);
    carrier.Add(std::move(update));
  }
  return carrier;
}

void Carrier::Add(Update update) {
  for (at::Tensor* tensor : {&update.a, &update.b, &update.dw, &update.db}) {
    if (!tensor->defined()) continue;
    tensor->set_requires_grad(true);
    parameters_.push_back(*tensor);
  }
  updates_.push_back(std::move(update));
}

std::vector<SignalTerm> Carrier::Terms(at::ScalarType weight_type, double dropout,
                                       uint64_t seed) const {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  std::vector<SignalTerm> terms;
  for (size_t i = 0; i < updates_.size(); ++i) {
    const Update& update = updates_[i];
    const auto& [site, read] = spec_.places[i];
    AffineTerm term = {.read = read};
    at::Tensor b = update.b, dw = update.dw, db = update.db;
    if (dropout > 0) {
      const at::Tensor& any = db.defined() ? db : b;
      const at::Tensor kept = at::empty({any.size(0)}, at::dtype(at::kFloat))
                                  .bernoulli_(1 - dropout, generator)
                                  .div_(1 - dropout)
                                  .to(any.device(), any.scalar_type());  // [out]
      if (b.defined()) b = b * kept.unsqueeze(1);
      if (dw.defined()) dw = dw * kept.unsqueeze(1);
      if (db.defined()) db = db * kept;
    }
    if (update.a.defined()) term.a = update.a.to(weight_type);
    if (b.defined()) term.b = b.to(weight_type);
    if (dw.defined()) term.dw = dw.to(weight_type);
    term.db = db;
    terms.push_back({site, std::move(term)});
  }
  return terms;
}

SignalData Carrier::ToSignal() const {
  SignalData signal;
  signal.kind = spec_.kind;
  for (size_t i = 0; i < updates_.size(); ++i) {
    const Update& update = updates_[i];
    SiteUpdate& to = signal.updates.emplace_back();
    std::tie(to.site, to.read) = spec_.places[i];
    if (update.a.defined()) to.tensors.emplace("A", ToHost(update.a));
    if (update.b.defined()) to.tensors.emplace("B", ToHost(update.b));
    if (update.dw.defined()) to.tensors.emplace("dW", ToHost(update.dw));
    if (update.db.defined())
      to.tensors.emplace(spec_.kind == SignalKind::kVector ? "v" : "db", ToHost(update.db));
  }
  return signal;
}

}  // namespace steer
