#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/control/control_signal.h"
#include "core/learn/training_params.h"
#include "core/signal/signal_data.h"

namespace steer {

// The tensors of a signal while it learns: leaves of the autograd graph, fp32 (or fp64) whatever
// the model's weights are. Not thread-safe.
class Carrier {
 public:
  // The published starts (paper 3.2): a vector uniform in +-1/sqrt(hidden), a LoRA's A in
  // +-1/sqrt(rank) with B = 0, a local weight and its bias 0. `spec` is valid.
  static Carrier Create(const CarrierSpec& spec, const ModelShape& shape, uint64_t seed,
                        at::Device device, at::ScalarType type = at::kFloat);
  // From where a signal stands. Marks and defaults are not kept.
  static Carrier Of(const SignalData& signal, at::Device device, at::ScalarType type = at::kFloat);

  const CarrierSpec& spec() const { return spec_; }
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  // The lowest block that anything here changes.
  int first_layer() const { return spec_.places.front().first.layer; }
  // As the model applies them, in the graph of the parameters: weight parts in `weight_type`.
  // `dropout`, 0 .. 1 excluded: how likely a component of what a site adds is left out, the others
  // being scaled up for it. One draw of `seed` for all rows of a step.
  std::vector<SignalTerm> Terms(at::ScalarType weight_type, double dropout = 0,
                                uint64_t seed = 0) const;
  // What has been learnt, in fp32.
  SignalData ToSignal() const;

 private:
  struct Update {
    at::Tensor a, b, dw, db;  // see AffineTerm
  };

  explicit Carrier(CarrierSpec spec) : spec_(std::move(spec)) {}
  // Makes leaves of the update's tensors.
  void Add(Update update);

  CarrierSpec spec_;
  std::vector<Update> updates_;  // by place
  std::vector<at::Tensor> parameters_;
};

}  // namespace steer
