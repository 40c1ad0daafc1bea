#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/signal/signal_data.h"
#include "core/signal/site.h"

namespace steer {

// A signal's update at one site: y += m1 dW x + m2 db, with dW = B A for a LoRA. Undefined tensors
// are absent parts.
struct AffineTerm {
  Site site;
  Read read = Read::kSiteInput;
  at::Tensor a;   // [rank, in], compute type
  at::Tensor b;   // [out, rank], compute type
  at::Tensor dw;  // [out, in], compute type
  at::Tensor db;  // [out], fp32; a vector's v
};

// A control signal on a device, ready to act. Has no multiplier. Immutable and thread-safe.
class ControlSignal {
 public:
  // `data` must have passed Validate(data, shape). Weight parts take the type of the model's
  // weights, bias parts stay fp32.
  static std::shared_ptr<const ControlSignal> Create(std::string id, const SignalData& data,
                                                     at::ScalarType weight_type, at::Device device);

  const std::string& id() const { return id_; }
  const std::vector<AffineTerm>& terms() const { return terms_; }
  // Device memory it holds.
  int64_t bytes() const;

 private:
  ControlSignal(std::string id, std::vector<AffineTerm> terms)
      : id_(std::move(id)), terms_(std::move(terms)) {}
  std::string id_;
  std::vector<AffineTerm> terms_;
};

}  // namespace steer
