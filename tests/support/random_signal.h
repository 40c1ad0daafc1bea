#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "core/signal/signal_data.h"
#include "gtest/gtest.h"

// Seeded tensors for signals.

namespace steer {

inline HostTensor ToHostTensor(const at::Tensor& tensor) {
  const at::Tensor values = tensor.to(at::kFloat).contiguous();
  return HostTensor::FromFloats(values.sizes().vec(),
                                {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
}

inline HostTensor RandomTensor(const std::vector<int64_t>& shape, double scale, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return ToHostTensor(at::randn(shape, generator, at::dtype(at::kFloat)) * scale);
}

inline HostTensor OrthonormalRows(int64_t rows, int64_t width, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor columns = at::randn({width, rows}, generator, at::dtype(at::kDouble));
  return ToHostTensor(std::get<0>(at::linalg_qr(columns)).t());
}

// Those of the three affine kinds.
inline std::map<std::string, HostTensor> RandomAffine(SignalKind kind, int64_t in, int64_t out,
                                                      double scale, uint64_t seed) {
  if (kind == SignalKind::kVector) return {{"v", RandomTensor({out}, scale, seed)}};
  std::map<std::string, HostTensor> tensors = {{"db", RandomTensor({out}, scale, seed + 2)}};
  if (kind == SignalKind::kLora) {
    tensors["A"] = RandomTensor({3, in}, scale, seed);
    tensors["B"] = RandomTensor({out, 3}, scale, seed + 1);
  } else {
    tensors["dW"] = RandomTensor({out, in}, scale * 0.3, seed);
  }
  return tensors;
}

// Those of the kinds that read what they change.
inline std::map<std::string, HostTensor> RandomChange(SignalKind kind, int64_t hidden, double scale,
                                                      uint64_t seed) {
  const auto random = [&](std::vector<int64_t> shape, double factor = 1) {
    return RandomTensor(shape, scale * factor, seed++);
  };
  const auto positive = [&](int64_t size) {
    return ToHostTensor(at::linspace(0.1, 0.3, size, at::dtype(at::kFloat)));
  };
  switch (kind) {
    case SignalKind::kBottleneck:
      return {{"D", random({3, hidden})},
              {"U", random({hidden, 3})},
              {"e", random({3})},
              {"b", random({hidden})}};
    case SignalKind::kFeatureShift:
      return {{"W_enc", random({7, hidden})}, {"b_enc", random({7})},
              {"W_dec", random({7, hidden})}, {"W_a", random({7, hidden})},
              {"b_a", random({7})},           {"tau", positive(7)},
              {"threshold", positive(7)}};
    case SignalKind::kLowRankAffine:
      return {{"R", OrthonormalRows(3, hidden, seed)},
              {"W", random({3, hidden}, 0.3)},
              {"b", random({3})}};
    case SignalKind::kClamp:
      return {{"W", OrthonormalRows(2, hidden, seed)}, {"a", random({2}, 4)}};
    default:  // a null-out does not depend on the length of w
      return {{"w", RandomTensor({hidden}, 1, seed)},
              {"b", HostTensor::FromFloats({1}, std::vector<float>{static_cast<float>(scale)})}};
  }
}

// Where a signal of every kind can stand: at a block's output, a kv signal at its keys and values.
inline Site PlaceOf(SignalKind kind, int layer) {
  return {layer, kind == SignalKind::kKv ? SiteKind::kKv : SiteKind::kBlockOut};
}

inline std::map<std::string, HostTensor> RandomKv(const ModelShape& shape, double scale,
                                                  uint64_t seed) {
  const std::vector<int64_t> sizes = {shape.kv_heads, shape.kv_width / shape.kv_heads};
  return {{"S_k", RandomTensor(sizes, scale, seed)}, {"S_v", RandomTensor(sizes, scale, seed + 1)}};
}

// A signal of one kind at one site of a model.
inline SignalData RandomSignal(const ModelShape& shape, SignalKind kind, Site site, double scale,
                               uint64_t seed) {
  SiteUpdate update;
  update.site = site;
  if (site.kind == SiteKind::kBlockOut &&
      (kind == SignalKind::kLora || kind == SignalKind::kLocalWeight))
    update.read = Read::kMlpMid;
  const int64_t out = shape.Dims(site.kind).out;
  update.tensors =
      IsAffine(kind) ? RandomAffine(kind, shape.ReadWidth(site.kind, update.read), out, scale, seed)
      : kind == SignalKind::kKv ? RandomKv(shape, scale, seed)
                                : RandomChange(kind, out, scale, seed);
  SignalData data;
  data.kind = kind;
  data.updates.push_back(std::move(update));
  EXPECT_TRUE(Validate(data, shape).ok()) << Validate(data, shape);
  return data;
}

}  // namespace steer
