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
#include "ATen/core/grad_mode.h"
#include "core/control/control_plan.h"
#include "core/files/gguf.h"
#include "core/model/checkpoint.h"
#include "core/model/decoder.h"
#include "core/model/kv_cache.h"
#include "core/signal/signal_data.h"
#include "gtest/gtest.h"
#include "tests/support/random_signal.h"

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
    auto checkpoint = Checkpoint::FromGguf(*std::move(file));
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    auto decoder = Decoder::Load(*checkpoint, dtype, at::kCPU);
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

// The decoder of a GGUF file or a folder; null, and a failed expectation, if there is none.
inline std::shared_ptr<const Decoder> LoadDecoder(const std::string& path,
                                                  at::ScalarType dtype = at::kFloat) {
  auto checkpoint = Checkpoint::Open(path);
  EXPECT_TRUE(checkpoint.ok()) << path << ": " << checkpoint.status();
  if (!checkpoint.ok()) return nullptr;
  auto decoder = Decoder::Load(*checkpoint, dtype, at::kCPU);
  EXPECT_TRUE(decoder.ok()) << path << ": " << decoder.status();
  return decoder.ok() ? *std::move(decoder) : nullptr;
}

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
    return Step(rows, begins, counts, /*paged=*/nullptr, taps);
  }

  // The same through a cache whose blocks are handed out backwards, `chunk` positions of each row a
  // step (one after another when rows differ in length). A group with a window is given no position
  // that its rows do not see.
  std::vector<at::Tensor> Cached(const std::vector<Row>& rows, int chunk) const {
    size_t longest = 0;
    for (const Row& row : rows) longest = std::max(longest, row.tokens.size());
    Paged paged;
    paged.blocks_per_row = static_cast<int>(longest) / kBlock + 1;
    paged.blocks = static_cast<int>(rows.size()) * paged.blocks_per_row;
    const ModelConfig& config = decoder_->config();
    KvCache cache(config, std::vector<int>(config.kv_groups().size(), paged.blocks), kBlock,
                  decoder_->dtype(), at::kCPU);
    paged.cache = &cache;
    std::vector<std::vector<at::Tensor>> parts(rows.size());
    for (int begin = 0;; begin += chunk) {
      std::vector<int> begins, counts;
      std::vector<Row> now;
      paged.which.clear();
      for (size_t i = 0; i < rows.size(); ++i) {
        const int left = static_cast<int>(rows[i].tokens.size()) - begin;
        if (left <= 0) continue;
        now.push_back(rows[i]);
        paged.which.push_back(i);
        begins.push_back(begin);
        counts.push_back(std::min(chunk, left));
      }
      if (now.empty()) break;
      const std::vector<at::Tensor> logits = Step(now, begins, counts, &paged, nullptr);
      for (size_t i = 0; i < now.size(); ++i) parts[paged.which[i]].push_back(logits[i]);
    }
    std::vector<at::Tensor> all;
    for (const std::vector<at::Tensor>& part : parts) all.push_back(at::cat(part, 0));
    return all;
  }

  const Decoder& decoder() const { return *decoder_; }

 private:
  static constexpr int kBlock = 4;

  // A cache and which row of it each row of a step is.
  struct Paged {
    KvCache* cache = nullptr;
    std::vector<size_t> which;
    int blocks_per_row = 0;
    int blocks = 0;

    // Row r owns its blocks from the end of the pool backwards.
    int64_t Slot(size_t i, int position) const {
      const int block =
          blocks - 1 - static_cast<int>(which[i]) * blocks_per_row - position / kBlock;
      return int64_t{block} * kBlock + position % kBlock;
    }
    at::Tensor Slots(size_t i, int begin, int end) const {
      std::vector<int64_t> slots;
      for (int p = begin; p < end; ++p) slots.push_back(Slot(i, p));
      return at::tensor(slots, at::dtype(at::kLong));
    }
  };

  std::vector<at::Tensor> Step(const std::vector<Row>& rows, const std::vector<int>& begins,
                               const std::vector<int>& counts, const Paged* paged,
                               Taps* taps) const {
    const at::NoGradGuard no_grad;
    StepInput input;
    std::vector<int64_t> tokens, positions;
    std::vector<at::Tensor> new_slots;
    std::vector<ControlledRows> controlled;
    for (size_t i = 0; i < rows.size(); ++i) {
      PromptLayout layout = rows[i].layout;
      if (layout.prompt_length == 0) layout.prompt_length = static_cast<int>(rows[i].tokens.size());
      controlled.push_back({.row_begin = static_cast<int>(tokens.size()),
                            .count = counts[i],
                            .position = begins[i],
                            .fresh = begins[i],
                            .layout = layout,
                            .controls = &rows[i].controls});
      const int end = begins[i] + counts[i];
      input.sequences.push_back({static_cast<int>(tokens.size()), counts[i], begins[i], {}});
      if (paged != nullptr) {
        new_slots.push_back(paged->Slots(i, begins[i], end));
        for (const KvGroup& group : decoder_->config().kv_groups()) {
          const int first = group.window > 0 ? std::max(0, begins[i] - group.window + 1) : 0;
          input.sequences.back().kept.push_back({first, paged->Slots(i, first, end)});
        }
      }
      for (int p = begins[i]; p < end; ++p) {
        tokens.push_back(rows[i].tokens[p]);
        positions.push_back(p);
      }
    }
    input.tokens = at::tensor(tokens, at::dtype(at::kLong));
    input.positions = at::tensor(positions, at::dtype(at::kLong));
    if (paged != nullptr) {
      input.new_slots.assign(decoder_->config().kv_groups().size(), at::cat(new_slots));
    }
    const ControlPlan plan =
        ControlPlan::Build(controlled, static_cast<int>(tokens.size()), at::kCPU);
    const at::Tensor h =
        decoder_->Forward(input, decoder_->Embed(input.tokens), {0, decoder_->config().layers},
                          paged != nullptr ? paged->cache : nullptr, plan, taps);
    const at::Tensor logits = decoder_->Logits(h);
    std::vector<at::Tensor> parts;
    for (size_t i = 0; i < rows.size(); ++i)
      parts.push_back(logits.narrow(0, controlled[i].row_begin, counts[i]));
    return parts;
  }

  std::shared_ptr<const Decoder> decoder_;
};

inline ControlEntry Entry(const SignalData& data, double m1, double m2, PositionRule positions = {},
                          at::ScalarType dtype = at::kFloat) {
  std::string id = SignalId(data);
  auto signal = ControlSignal::Create(id, data, dtype, at::kCPU);
  return {.signal_id = std::move(id),
          .kind = data.kind,
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
