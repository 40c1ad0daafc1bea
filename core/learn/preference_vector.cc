#include "core/learn/preference_vector.h"

#include <span>
#include <string>
#include <vector>

#include "core/base/check.h"

namespace steer {
namespace {

HostTensor Minus(const HostTensor& a, const HostTensor& b) {
  std::vector<float> values(a.floats().begin(), a.floats().end());
  for (size_t i = 0; i < values.size(); ++i) values[i] -= b.floats()[i];
  return HostTensor::FromFloats(a.shape, values);
}

// [r, in] over [r, in].
HostTensor Stack(const HostTensor& a, const HostTensor& b) {
  std::vector<float> values(a.floats().begin(), a.floats().end());
  values.insert(values.end(), b.floats().begin(), b.floats().end());
  return HostTensor::FromFloats({a.shape[0] + b.shape[0], a.shape[1]}, values);
}

// [out, r] beside the negative of [out, r].
HostTensor BesideNegative(const HostTensor& a, const HostTensor& b) {
  const auto rows = static_cast<size_t>(a.shape[0]);
  const auto a_rank = static_cast<size_t>(a.shape[1]), b_rank = static_cast<size_t>(b.shape[1]);
  std::vector<float> values;
  values.reserve(rows * (a_rank + b_rank));
  for (size_t row = 0; row < rows; ++row) {
    const std::span<const float> left = a.floats().subspan(row * a_rank, a_rank);
    values.insert(values.end(), left.begin(), left.end());
    for (const float value : b.floats().subspan(row * b_rank, b_rank)) values.push_back(-value);
  }
  return HostTensor::FromFloats({a.shape[0], a.shape[1] + b.shape[1]}, values);
}

}  // namespace

SignalData Difference(const SignalData& a, const SignalData& b) {
  STEER_CHECK(a.kind == b.kind && a.updates.size() == b.updates.size());
  SignalData difference = a;
  for (size_t i = 0; i < a.updates.size(); ++i) {
    STEER_CHECK(a.updates[i].site == b.updates[i].site && a.updates[i].read == b.updates[i].read);
    for (auto& [name, tensor] : difference.updates[i].tensors) {
      const HostTensor& other = b.updates[i].tensors.at(name);
      if (name == "A") {
        tensor = Stack(tensor, other);
      } else if (name == "B") {
        tensor = BesideNegative(tensor, other);
      } else {
        tensor = Minus(tensor, other);
      }
    }
  }
  return difference;
}

}  // namespace steer
