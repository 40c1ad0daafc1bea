#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "ATen/core/grad_mode.h"
#include "core/control/control_plan.h"
#include "core/files/gguf.h"
#include "core/model/decoder.h"
#include "core/model/kv_cache.h"
#include "core/signal/signal_data.h"
#include "gtest/gtest.h"

namespace steer {

inline std::string RequiredEnv(const char* name) {
  const char* value = std::getenv(name);
  EXPECT_NE(value, nullptr) << name << " must name a model file; CTest sets it";
  return value == nullptr ? "" : value;
}

// A model file in memory, so that a test may change weights before they are loaded.
class ModelFile {
 public:
  explicit ModelFile(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    EXPECT_FALSE(bytes.empty()) << path;
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    bytes_.assign(begin, begin + bytes.size());
  }

  std::shared_ptr<const Decoder> Load(at::ScalarType dtype = at::kFloat) const {
    auto file = GgufFile::Parse(bytes_);
    EXPECT_TRUE(file.ok()) << file.status();
    auto config = ModelConfig::FromGguf(**file);
    EXPECT_TRUE(config.ok()) << config.status();
    auto decoder = Decoder::Load(**file, *config, dtype, at::kCPU);
    EXPECT_TRUE(decoder.ok()) << decoder.status();
    return *std::move(decoder);
  }

  // The F32 values of one tensor, to be changed in place.
  std::span<float> Floats(absl::string_view name, std::vector<int64_t> shape) {
    auto file = GgufFile::Parse(bytes_);
    auto stored = (*file)->tensors().Take(name, shape);
    EXPECT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(stored->encoding, Encoding::kF32);
    const size_t offset = stored->bytes.data() - bytes_.data();
    return {reinterpret_cast<float*>(&bytes_[offset]), stored->bytes.size() / sizeof(float)};
  }

 private:
  std::vector<std::byte> bytes_;
};

// One sequence of a batch: its tokens and what it asks for.
struct Row {
  std::vector<TokenId> tokens;
  ControlSet controls = {};
  PromptLayout layout = {};  // prompt_length 0 means all of the tokens
};

// Runs whole batches through a decoder, with a paged cache and any chunking or without a cache.
class DecoderHarness {
 public:
  explicit DecoderHarness(std::shared_ptr<const Decoder> decoder) : decoder_(std::move(decoder)) {}

  // Logits of every position of every row, fp32 [tokens, vocabulary] each; no cache.
  std::vector<at::Tensor> Full(const std::vector<Row>& rows, Taps* taps = nullptr) const {
    std::vector<int> begins(rows.size(), 0), counts;
    for (const Row& row : rows) counts.push_back(static_cast<int>(row.tokens.size()));
    return Step(rows, begins, counts, nullptr, taps);
  }

  // The same through a cache whose blocks are handed out backwards, `chunk` positions of each row a
  // step (one after another when rows differ in length).
  std::vector<at::Tensor> Cached(const std::vector<Row>& rows, int chunk) const {
    constexpr int kBlock = 4;
    KvCache cache(decoder_->config(), 256, kBlock, decoder_->dtype(), at::kCPU);
    std::vector<std::vector<at::Tensor>> parts(rows.size());
    for (int begin = 0;; begin += chunk) {
      std::vector<int> begins, counts;
      std::vector<Row> now;
      std::vector<size_t> which;
      for (size_t i = 0; i < rows.size(); ++i) {
        const int left = static_cast<int>(rows[i].tokens.size()) - begin;
        if (left <= 0) continue;
        now.push_back(rows[i]);
        which.push_back(i);
        begins.push_back(begin);
        counts.push_back(std::min(chunk, left));
      }
      if (now.empty()) break;
      const std::vector<at::Tensor> logits = Step(now, begins, counts, &cache, nullptr, &which);
      for (size_t i = 0; i < which.size(); ++i) parts[which[i]].push_back(logits[i]);
    }
    std::vector<at::Tensor> all;
    for (const std::vector<at::Tensor>& part : parts) all.push_back(at::cat(part, 0));
    return all;
  }

  const Decoder& decoder() const { return *decoder_; }

 private:
  std::vector<at::Tensor> Step(const std::vector<Row>& rows, const std::vector<int>& begins,
                               const std::vector<int>& counts, KvCache* cache, Taps* taps,
                               const std::vector<size_t>* which = nullptr) const {
    const at::NoGradGuard no_grad;
    StepInput input;
    std::vector<int64_t> tokens, positions, new_slots;
    std::vector<ControlledRows> controlled;
    std::vector<PromptLayout> layouts;
    for (size_t i = 0; i < rows.size(); ++i) {
      std::vector<int64_t> slots;
      for (int p = 0; p < begins[i] + counts[i]; ++p) {
        // Row r owns the 64 slots from the end of the pool backwards, block by block.
        const int64_t row = which != nullptr ? static_cast<int64_t>((*which)[i]) : 0;
        slots.push_back((255 - 16 * row - p / 4) * 4 + p % 4);
      }
      PromptLayout layout = rows[i].layout;
      if (layout.prompt_length == 0) layout.prompt_length = static_cast<int>(rows[i].tokens.size());
      controlled.push_back({.row_begin = static_cast<int>(tokens.size()),
                            .count = counts[i],
                            .position = begins[i],
                            .fresh = begins[i],
                            .layout = layout,
                            .controls = &rows[i].controls});
      input.sequences.push_back({static_cast<int>(tokens.size()),
                                 counts[i],
                                 begins[i],
                                 {KeptPositions{0, at::tensor(slots, at::dtype(at::kLong))}}});
      for (int p = begins[i]; p < begins[i] + counts[i]; ++p) {
        tokens.push_back(rows[i].tokens[p]);
        positions.push_back(p);
        new_slots.push_back(slots[p]);
      }
    }
    input.tokens = at::tensor(tokens, at::dtype(at::kLong));
    input.positions = at::tensor(positions, at::dtype(at::kLong));
    input.new_slots = {at::tensor(new_slots, at::dtype(at::kLong))};
    const ControlPlan plan =
        ControlPlan::Build(controlled, static_cast<int>(tokens.size()), at::kCPU);
    const at::Tensor h = decoder_->Forward(input, decoder_->Embed(input.tokens),
                                           {0, decoder_->config().layers}, cache, plan, taps);
    const at::Tensor logits = decoder_->Logits(h);
    std::vector<at::Tensor> parts;
    for (size_t i = 0; i < rows.size(); ++i)
      parts.push_back(logits.narrow(0, controlled[i].row_begin, counts[i]));
    return parts;
  }

  std::shared_ptr<const Decoder> decoder_;
};

// Seeded tensors for signals.
inline HostTensor RandomTensor(std::vector<int64_t> shape, double scale, uint64_t seed) {
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor values =
      (at::randn(shape, generator, at::dtype(at::kFloat)) * scale).contiguous();
  return HostTensor::FromFloats(shape,
                                {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
}

// A signal of one kind at one site of a model, with seeded tensors.
inline SignalData RandomSignal(const ModelShape& shape, SignalKind kind, Site site, double scale,
                               uint64_t seed) {
  SiteUpdate update;
  update.site = site;
  if (site.kind == SiteKind::kBlockOut && kind != SignalKind::kVector) update.read = Read::kMlpMid;
  const int64_t out = shape.Dims(site.kind).out;
  if (kind == SignalKind::kVector) {
    update.tensors["v"] = RandomTensor({out}, scale, seed);
  } else {
    const int64_t in = shape.ReadWidth(site.kind, update.read);
    if (kind == SignalKind::kLora) {
      update.tensors["A"] = RandomTensor({3, in}, scale, seed);
      update.tensors["B"] = RandomTensor({out, 3}, scale, seed + 1);
    } else {
      update.tensors["dW"] = RandomTensor({out, in}, scale * 0.3, seed);
    }
    update.tensors["db"] = RandomTensor({out}, scale, seed + 2);
  }
  SignalData data;
  data.kind = kind;
  data.updates.push_back(std::move(update));
  EXPECT_TRUE(Validate(data, shape).ok()) << Validate(data, shape);
  return data;
}

inline ControlEntry Entry(const SignalData& data, double m1, double m2, PositionRule positions = {},
                          at::ScalarType dtype = at::kFloat) {
  std::string id = SignalId(data);
  auto signal = ControlSignal::Create(id, data, dtype, at::kCPU);
  return {.signal_id = std::move(id),
          .signal = std::move(signal),
          .multipliers = {{.position = 0, .m1 = m1, .m2 = m2}},
          .positions = positions};
}
inline ControlEntry Entry(const SignalData& data, double m) { return Entry(data, m, m); }

inline double MaxDifference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}
// Bit for bit, NaN included.
inline bool SameBits(const at::Tensor& a, const at::Tensor& b) {
  return at::equal(a.contiguous().view(at::kInt), b.contiguous().view(at::kInt));
}

}  // namespace steer
