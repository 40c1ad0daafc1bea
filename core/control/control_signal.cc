#include "core/control/control_signal.h"

#include <cstddef>
#include <map>
#include <utility>

#include "ATen/ATen.h"
#include "core/control/wide_type.h"

namespace steer {
namespace {

at::Tensor ToDevice(const HostTensor& host, at::ScalarType type, at::Device device) {
  // from_blob borrows the bytes; the copy in .to() makes them the tensor's own.
  const at::Tensor borrowed =
      at::from_blob(const_cast<std::byte*>(host.data.data()), host.shape, at::dtype(at::kFloat));
  return borrowed.to(device, type, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

std::shared_ptr<const ControlSignal> ControlSignal::Create(std::string id, const SignalData& data,
                                                           at::ScalarType weight_type,
                                                           at::Device device) {
  std::vector<SignalTerm> terms;
  terms.reserve(data.updates.size());
  int64_t bytes = 0;
  for (const SiteUpdate& update : data.updates) {
    std::map<std::string, at::Tensor> tensors;
    for (const auto& [name, host] : update.tensors) {
      const bool weight = name == "A" || name == "B" || name == "dW";
      const at::Tensor tensor =
          ToDevice(host, weight ? weight_type : WideType(weight_type), device);
      bytes += static_cast<int64_t>(tensor.nbytes());
      tensors.emplace(name, tensor);
    }
    terms.push_back(MakeTerm(data.kind, data.nonlinearity, update.site, update.read, tensors));
  }
  return std::shared_ptr<const ControlSignal>(
      new ControlSignal(std::move(id), std::move(terms), bytes));
}

}  // namespace steer
