#include "core/control/control_signal.h"

#include "ATen/ATen.h"

namespace steer {
namespace {

at::Tensor ToDevice(const SiteUpdate& update, const char* name, at::ScalarType type,
                    at::Device device) {
  const auto it = update.tensors.find(name);
  if (it == update.tensors.end()) return {};
  const HostTensor& host = it->second;
  // from_blob borrows the bytes; the copy in .to() makes them the tensor's own.
  const at::Tensor borrowed =
      at::from_blob(const_cast<std::byte*>(host.data.data()), host.shape, at::dtype(at::kFloat));
  return borrowed.to(device, type, /*non_blocking=*/false, /*copy=*/true);
}

int64_t BytesOf(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<int64_t>(tensor.nbytes()) : 0;
}

}  // namespace

std::shared_ptr<const ControlSignal> ControlSignal::Create(std::string id, const SignalData& data,
                                                           at::ScalarType weight_type,
                                                           at::Device device) {
  std::vector<AffineTerm> terms;
  terms.reserve(data.updates.size());
  for (const SiteUpdate& update : data.updates) {
    AffineTerm term;
    term.site = update.site;
    term.read = update.read;
    term.a = ToDevice(update, "A", weight_type, device);
    term.b = ToDevice(update, "B", weight_type, device);
    term.dw = ToDevice(update, "dW", weight_type, device);
    term.db = ToDevice(update, data.kind == SignalKind::kVector ? "v" : "db", at::kFloat, device);
    terms.push_back(std::move(term));
  }
  return std::shared_ptr<const ControlSignal>(new ControlSignal(std::move(id), std::move(terms)));
}

int64_t ControlSignal::bytes() const {
  int64_t bytes = 0;
  for (const AffineTerm& term : terms_) {
    bytes += BytesOf(term.a) + BytesOf(term.b) + BytesOf(term.dw) + BytesOf(term.db);
  }
  return bytes;
}

}  // namespace steer
