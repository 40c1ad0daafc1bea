#include "core/engine/model_runner.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/engine/sampler.h"

namespace steer {
namespace {

// Logits are made for this many rows at a time: a long scored answer must not need rows x
// vocabulary floats at once.
constexpr size_t kLogitRows = 64;

at::Tensor ToTensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::dtype(at::kLong)).to(device);
}

// Of the positions before `end` that the table has.
std::vector<int64_t> SlotsUpTo(int end, const BlockTable& table, int block_size) {
  std::vector<int64_t> slots;
  for (int position = table.first * block_size; position < end; ++position) {
    const int64_t block = table.at(position / block_size);
    slots.push_back(block * block_size + position % block_size);
  }
  return slots;
}

absl::Status NotFinite(int position) {
  return FieldError(absl::StatusCode::kOutOfRange,
                    {"NOT_FINITE", "controls",
                     absl::StrCat("a distribution that is not finite at position ", position),
                     "multipliers under which the model still computes finite numbers"});
}

}  // namespace

ModelRunner::ModelRunner(std::shared_ptr<const Decoder> decoder, std::unique_ptr<KvCache> cache,
                         int block_size)
    : decoder_(std::move(decoder)), cache_(std::move(cache)), block_size_(block_size) {}

absl::StatusOr<StepResult> ModelRunner::Run(const Batch& batch) {
  return CatchTorch("running a step", [&] { return RunUnguarded(batch); });
}

absl::StatusOr<StepResult> ModelRunner::RunUnguarded(const Batch& batch) {
  const at::NoGradGuard no_grad;
  const StepInput input = MakeInput(batch);
  std::vector<ControlledRows> controlled;
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    const BatchEntry& entry = batch.entries[i];
    const Request& request = *entry.sequence->request;
    controlled.push_back({.row_begin = input.sequences[i].row_begin,
                          .count = entry.count,
                          .position = entry.begin,
                          .fresh = entry.fresh,
                          .layout = request.layout,
                          .controls = &request.controls});
  }
  std::vector<std::vector<SteeredTokens>> steered;
  const ControlPlan plan = ControlPlan::Build(controlled, static_cast<int>(input.tokens.size(0)),
                                              decoder_->device(), &steered);

  at::Tensor h = decoder_->Embed(input.tokens);
  h = decoder_->Forward(input, h, {0, decoder_->config().layers}, cache_.get(), plan);

  StepResult result;
  result.entries.resize(batch.entries.size());
  ReadLogits(h, RowsOf(batch), batch, result);
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    result.entries[i].steered = std::move(steered[i]);
  }
  return result;
}

StepInput ModelRunner::MakeInput(const Batch& batch) const {
  StepInput input;
  std::vector<int64_t> tokens, positions;
  std::vector<std::vector<int64_t>> new_slots;  // by group
  for (const BatchEntry& entry : batch.entries) {
    const Sequence& sequence = *entry.sequence;
    new_slots.resize(sequence.tables.size());
    SequenceRows& rows = input.sequences.emplace_back();
    rows.row_begin = static_cast<int>(tokens.size());
    rows.count = entry.count;
    rows.position = entry.begin;
    for (size_t group = 0; group < sequence.tables.size(); ++group) {
      const BlockTable& table = sequence.tables[group];
      const std::vector<int64_t> slots = SlotsUpTo(entry.end(), table, block_size_);
      new_slots[group].insert(new_slots[group].end(), slots.end() - entry.count, slots.end());
      rows.kept.push_back(
          {.begin = table.first * block_size_, .slots = ToTensor(slots, decoder_->device())});
    }
    for (int position = entry.begin; position < entry.end(); ++position) {
      tokens.push_back(sequence.tokens[position]);
      positions.push_back(position);
    }
  }
  input.tokens = ToTensor(tokens, decoder_->device());
  input.positions = ToTensor(positions, decoder_->device());
  for (const std::vector<int64_t>& slots : new_slots) {
    input.new_slots.push_back(ToTensor(slots, decoder_->device()));
  }
  return input;
}

std::vector<ModelRunner::LogitRow> ModelRunner::RowsOf(const Batch& batch) {
  std::vector<LogitRow> rows;
  int row_begin = 0;
  for (size_t i = 0; i < batch.entries.size(); ++i) {
    const BatchEntry& entry = batch.entries[i];
    // Position p predicts token p + 1.
    const PositionRange forced = entry.forced();
    for (int position = forced.begin; position < forced.end; ++position) {
      rows.push_back(
          {row_begin + position - entry.begin, i, entry.sequence->tokens[position + 1], position});
    }
    if (entry.samples) rows.push_back({row_begin + entry.count - 1, i, -1, entry.end() - 1});
    row_begin += entry.count;
  }
  return rows;
}

void ModelRunner::ReadLogits(const at::Tensor& h, const std::vector<LogitRow>& rows,
                             const Batch& batch, StepResult& result) const {
  for (size_t begin = 0; begin < rows.size(); begin += kLogitRows) {
    const size_t count = std::min(kLogitRows, rows.size() - begin);
    std::vector<int64_t> index;
    index.reserve(count);
    for (size_t i = 0; i < count; ++i) index.push_back(rows[begin + i].row);
    const at::Tensor logits =
        decoder_->Logits(h.index_select(0, ToTensor(index, h.device()))).to(at::kCPU).contiguous();
    for (size_t i = 0; i < count; ++i) {
      const LogitRow& row = rows[begin + i];
      const std::span<const float> values(
          logits.data_ptr<float>() + static_cast<int64_t>(i) * logits.size(1),
          static_cast<size_t>(logits.size(1)));
      ReadRow(values, row, *batch.entries[row.entry].sequence, result.entries[row.entry]);
    }
  }
}

void ModelRunner::ReadRow(std::span<const float> logits, const LogitRow& row,
                          const Sequence& sequence, EntryResult& entry) {
  const Request& request = *sequence.request;
  if (row.forced >= 0) {
    const double log_prob = LogProb(logits, row.forced);
    if (!std::isfinite(log_prob)) entry.status = NotFinite(row.position);
    entry.forced_log_probs.push_back(log_prob);
    const int count = request.scoring() ? 0 : request.sampling.prompt_log_probs.value_or(0);
    if (count > 0) entry.forced_top.push_back(LikeliestTokens(logits, count));
    return;
  }
  const std::span<const TokenId> tokens(sequence.tokens);
  const auto prompt = static_cast<size_t>(request.layout.prompt_length);
  Sample sample = SampleToken(logits, request.sampling,
                              {.prompt = tokens.first(prompt),
                               .output = tokens.subspan(prompt),
                               .end_tokens = request.end_tokens},
                              row.position);
  if (!std::isfinite(sample.log_prob)) entry.status = NotFinite(row.position);
  entry.token = sample.token;
  entry.log_prob = sample.log_prob;
  entry.top = std::move(sample.top);
}

}  // namespace steer
