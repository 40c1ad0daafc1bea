#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/control/signal_term.h"
#include "core/signal/signal_data.h"

namespace steer {

// A control signal on a device, ready to act. Has no multiplier. Immutable and thread-safe.
class ControlSignal {
 public:
  // `data` must have passed Validate(data, shape). Affine weight parts take the type of the
  // model's weights; everything else is wide (see WideType).
  static std::shared_ptr<const ControlSignal> Create(std::string id, const SignalData& data,
                                                     at::ScalarType weight_type, at::Device device);

  const std::string& id() const { return id_; }
  const std::vector<SignalTerm>& terms() const { return terms_; }
  // Device memory it holds.
  int64_t bytes() const { return bytes_; }

 private:
  ControlSignal(std::string id, std::vector<SignalTerm> terms, int64_t bytes)
      : id_(std::move(id)), terms_(std::move(terms)), bytes_(bytes) {}
  std::string id_;
  std::vector<SignalTerm> terms_;
  int64_t bytes_ = 0;
};

}  // namespace steer
