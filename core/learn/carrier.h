#pragma once

#include <cstdint>
#include <map>
#include <string>
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
  using Tensors = std::map<std::string, at::Tensor>;  // of one place, named as in SiteUpdate

  // The published starts (paper 3.2): a vector uniform in +-1/sqrt(hidden), a LoRA's A in
  // +-1/sqrt(rank) with B = 0, a local weight and its bias 0; a bottleneck's D in
  // +-0.001/sqrt(hidden) with U = 0 (arXiv 2603.00425). A low-rank affine starts with orthonormal
  // rows R, W = R and b = 0, which do nothing; R learns freely and acts orthonormalised; as a
  // distribution with W_sigma = 0 and b_sigma = -6, in the middle of what is allowed. A feature
  // shift's W_a is in +-1e-6, its b_a 0 and its tau 1e-6, which acts as relu(tau) (arXiv
  // 2509.12934); its autoencoder does not learn. A clamp starts with orthonormal rows W and acts
  // as a low-rank affine does. `spec` is valid.
  static Carrier Create(const CarrierSpec& spec, const ModelShape& shape, uint64_t seed,
                        at::Device device, at::ScalarType type = at::kFloat);
  // From where a signal stands. Marks and defaults are not kept.
  static Carrier Of(const SignalData& signal, at::Device device, at::ScalarType type = at::kFloat);

  const CarrierSpec& spec() const { return spec_; }
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  // The first block of a pass in which this acts; see AnswerPass.
  int first_layer() const;
  // Of a clamp: the row of the residual stream, [hidden], that it puts others to: a = W target.
  void SetTarget(const at::Tensor& target) { target_ = target; }
  // Takes out of what a LoRA reads at a block's output whatever its update of that block's
  // down_proj can add: A -= A Q Q^T, with the columns of Q an orthonormal basis of those of B (the
  // joint adapters of arXiv 2603.00425).
  void Separate();
  // As the model applies them, in the graph of the parameters: weight parts in `weight_type`.
  std::vector<SignalTerm> Terms(at::ScalarType weight_type) const;
  // The same in a step of a run: what chance does to them is drawn once for all rows, but for a
  // distribution, which is drawn for each.
  struct Chance {
    // 0 .. 1 excluded: how likely a component of what a site adds is left out, the others being
    // scaled up for it.
    double dropout = 0;
    // The deviation of what is added to every number of the tensors (NoDO, arXiv 2511.18740), which
    // stay as they are.
    double noise = 0;
    uint64_t seed = 0;
  };
  std::vector<SignalTerm> Terms(at::ScalarType weight_type, const Chance& chance) const;
  // What has been learnt, in fp32; of a distribution the mean.
  SignalData ToSignal() const;

 private:
  explicit Carrier(CarrierSpec spec) : spec_(std::move(spec)) {}
  // Of one place, as they act, of tensors that learn.
  Tensors Acting(size_t place, Tensors tensors) const;
  std::vector<SignalTerm> Terms(at::ScalarType weight_type, const Chance* chance) const;
  // Makes leaves of the tensors, but of an autoencoder's.
  void Add(const Tensors& tensors, at::Device device, at::ScalarType type);

  CarrierSpec spec_;
  std::vector<Tensors> tensors_;  // by place
  std::vector<Tensors> frozen_;   // by place: what does not learn
  at::Tensor target_;             // undefined: 0
  std::vector<at::Tensor> parameters_;
};

}  // namespace steer
