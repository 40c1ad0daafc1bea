#include "core/engine/fan_out.h"

#include <algorithm>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/catch_torch.h"

namespace steer {
namespace {

// Logits are made for so many rows at a time that they stay below this (64 MiB of fp32).
constexpr int64_t kLogits = int64_t{1} << 24;

at::Tensor ToTensor(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::dtype(at::kLong)).to(device);
}

// The positions that have to run: the last one predicts nothing that is asked.
int Positions(const ForcedText& text) { return static_cast<int>(text.tokens.size()) - 1; }

// Whether a position is the same in both texts, once those before it are.
bool Same(const ForcedText& a, const ForcedText& b, const ControlSet& controls, int position) {
  if (a.tokens[position] != b.tokens[position]) return false;
  return std::all_of(controls.begin(), controls.end(), [&](const ControlEntry& control) {
    return Selects(control.positions, a.layout, position) ==
           Selects(control.positions, b.layout, position);
  });
}

int SharedPositions(const std::vector<ForcedText>& texts, const ControlSet& controls) {
  int shared = Positions(texts.front());
  for (const ForcedText& text : texts) {
    const int end = std::min(shared, Positions(text));
    for (shared = 0; shared < end; ++shared) {
      if (!Same(texts.front(), text, controls, shared)) break;
    }
  }
  return shared;
}

// The first position on which any control may act; `end` for none before it.
int FirstSteered(const ForcedText& text, const ControlSet& controls, int end) {
  for (int position = 0; position < end; ++position) {
    for (const ControlEntry& control : controls) {
      if (Selects(control.positions, text.layout, position)) return position;
    }
  }
  return end;
}

}  // namespace

// One step: its rows, and where each text finds its own among them.
struct FanOut::Step {
  explicit Step(at::Device device) : device(device) {}

  // The rows of a segment, which goes on from those `before` it.
  RowRange Add(const Segment& segment, const std::vector<RowRange>& before,
               const ControlledRows& controls) {
    const RowRange rows = {static_cast<int>(positions.size()), segment.count};
    if (segment.count == 0) return rows;
    SequenceRows& sequence = input.sequences.emplace_back();
    sequence.row_begin = rows.begin;
    sequence.count = rows.count;
    sequence.position = segment.begin;
    for (const RowRange& range : before) {
      if (range.count > 0) sequence.before.push_back(range);
    }
    for (int i = 0; i < segment.count; ++i) {
      positions.push_back(segment.begin + i);
      shared_rows.push_back(segment.shared_row + i);
    }
    ControlledRows& controlled_rows = controlled.emplace_back(controls);
    controlled_rows.row_begin = rows.begin;
    controlled_rows.count = rows.count;
    controlled_rows.position = controlled_rows.fresh = segment.begin;
    return rows;
  }

  void Finish() { input.positions = ToTensor(positions, device); }

  const at::Device device;
  StepInput input;  // without tokens: the rows come from RunShared
  std::vector<int64_t> positions;
  std::vector<int64_t> shared_rows;  // where RunShared has the row
  std::vector<ControlledRows> controlled;
  RowRange root;
  std::vector<RowRange> trunks;                 // by strength
  std::vector<std::vector<RowRange>> branches;  // by strength and text
};

FanOut::FanOut(std::shared_ptr<const Decoder> decoder, std::vector<ForcedText> texts,
               const ControlSet& controls)
    : decoder_(std::move(decoder)), texts_(std::move(texts)) {
  first_layer_ = decoder_->config().layers;
  for (const ControlEntry& control : controls) {
    for (const AffineTerm& term : control.signal->terms())
      first_layer_ = std::min(first_layer_, term.site.layer);
  }
  const int shared = SharedPositions(texts_, controls);
  root_.count = FirstSteered(texts_.front(), controls, shared);
  trunk_ = {.begin = root_.count, .count = shared - root_.count, .shared_row = root_.count};
  int row = shared;
  for (const ForcedText& text : texts_) {
    const int count = Positions(text) - shared;
    branches_.push_back({.begin = shared, .count = count, .shared_row = row});
    row += count;
  }
}

int FanOut::rows_per_strength() const {
  int rows = trunk_.count;
  for (const Segment& branch : branches_) rows += branch.count;
  return rows;
}

FanOut::Step FanOut::Layout(std::span<const ControlSet> strengths) const {
  static const ControlSet kNone;
  Step step(decoder_->device());
  // Nothing acts on the root, whatever the strength.
  step.root = step.Add(root_, {}, {.layout = texts_.front().layout, .controls = &kNone});
  for (const ControlSet& controls : strengths) {
    const RowRange trunk =
        step.Add(trunk_, {step.root}, {.layout = texts_.front().layout, .controls = &controls});
    std::vector<RowRange>& branches = step.branches.emplace_back();
    for (size_t i = 0; i < texts_.size(); ++i) {
      branches.push_back(step.Add(branches_[i], {step.root, trunk},
                                  {.layout = texts_[i].layout, .controls = &controls}));
    }
    step.trunks.push_back(trunk);
  }
  step.Finish();
  return step;
}

absl::Status FanOut::RunShared() {
  return CatchTorch("scoring", [this] {
    const at::NoGradGuard no_grad;
    const std::vector<TokenId>& first = texts_.front().tokens;
    std::vector<int64_t> tokens(first.begin(), first.begin() + root_.count + trunk_.count);
    for (size_t i = 0; i < texts_.size(); ++i) {
      const auto begin = texts_[i].tokens.begin() + branches_[i].begin;
      tokens.insert(tokens.end(), begin, begin + branches_[i].count);
    }
    // With one strength every segment is there once, in the order of `tokens`.
    const ControlSet none;
    const Step step = Layout({&none, 1});
    shared_ = decoder_->Forward(step.input, decoder_->Embed(ToTensor(tokens, decoder_->device())),
                                {0, first_layer_}, /*cache=*/nullptr, ControlPlan());
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<std::vector<ForcedLogProbs>>> FanOut::Run(
    std::span<const ControlSet> strengths) {
  using Result = absl::StatusOr<std::vector<std::vector<ForcedLogProbs>>>;
  return CatchTorch("scoring", [&]() -> Result {
    const at::NoGradGuard no_grad;
    const Step step = Layout(strengths);
    const ControlPlan plan = ControlPlan::Build(
        step.controlled, static_cast<int>(step.positions.size()), decoder_->device());
    at::Tensor h = shared_.index_select(0, ToTensor(step.shared_rows, decoder_->device()));
    h = decoder_->Forward(step.input, std::move(h), {first_layer_, decoder_->config().layers},
                          /*cache=*/nullptr, plan);
    return Read(h, step);
  });
}

std::vector<std::vector<ForcedLogProbs>> FanOut::Read(const at::Tensor& h, const Step& step) const {
  // What is asked, in the order of the answer: the row that predicts it, and the token.
  std::vector<int64_t> rows, tokens;
  for (size_t s = 0; s < step.trunks.size(); ++s) {
    for (size_t i = 0; i < texts_.size(); ++i) {
      const ForcedText& text = texts_[i];
      for (int position = text.layout.prompt_length - 1; position < Positions(text); ++position) {
        rows.push_back(position < trunk_.begin ? step.root.begin + position
                       : position < trunk_.end()
                           ? step.trunks[s].begin + position - trunk_.begin
                           : step.branches[s][i].begin + position - branches_[i].begin);
        tokens.push_back(text.tokens[position + 1]);
      }
    }
  }
  const std::vector<double> log_probs = LogProbs(h, rows, tokens);
  std::vector<std::vector<ForcedLogProbs>> result(step.trunks.size());
  auto next = log_probs.begin();
  for (std::vector<ForcedLogProbs>& strength : result) {
    for (const ForcedText& text : texts_) {
      const auto end = next + Positions(text) - (text.layout.prompt_length - 1);
      strength.emplace_back(next, end);
      next = end;
    }
  }
  return result;
}

std::vector<double> FanOut::LogProbs(const at::Tensor& h, const std::vector<int64_t>& rows,
                                     const std::vector<int64_t>& tokens) const {
  // Logits once for each row, in the order of the rows: texts share some.
  std::vector<int64_t> distinct = rows;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::vector<std::vector<size_t>> asked(distinct.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto place = std::lower_bound(distinct.begin(), distinct.end(), rows[i]);
    asked[place - distinct.begin()].push_back(i);
  }
  std::vector<double> result(rows.size());
  const size_t at_once = std::max<int64_t>(1, kLogits / decoder_->config().vocabulary);
  for (size_t begin = 0; begin < distinct.size(); begin += at_once) {
    const size_t end = std::min(distinct.size(), begin + at_once);
    const at::Tensor log_probs =
        decoder_
            ->Logits(h.index_select(
                0, ToTensor({distinct.begin() + begin, distinct.begin() + end}, h.device())))
            .log_softmax(-1);  // [end - begin, vocabulary], fp32
    std::vector<int64_t> index, forced;
    std::vector<size_t> places;
    for (size_t i = begin; i < end; ++i) {
      for (const size_t place : asked[i]) {
        index.push_back(static_cast<int64_t>(i - begin));
        forced.push_back(tokens[place]);
        places.push_back(place);
      }
    }
    const at::Tensor values =
        log_probs.index({ToTensor(index, h.device()), ToTensor(forced, h.device())})
            .to(at::kCPU)
            .contiguous();  // [asked]
    for (size_t i = 0; i < places.size(); ++i) result[places[i]] = values.data_ptr<float>()[i];
  }
  return result;
}

}  // namespace steer
