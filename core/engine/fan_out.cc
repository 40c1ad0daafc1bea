#include "core/engine/fan_out.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/core/grad_mode.h"
#include "core/base/catch_torch.h"
#include "core/base/check.h"

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
    return Selects(control, a.layout, position) == Selects(control, b.layout, position);
  });
}

bool IsSteered(const ForcedText& text, const ControlSet& controls, int position) {
  return std::any_of(controls.begin(), controls.end(), [&](const ControlEntry& control) {
    return Selects(control, text.layout, position);
  });
}

}  // namespace

// One step: its rows, and where each node finds its own among them.
struct FanOut::Step {
  explicit Step(at::Device device) : device(device) {}

  // The rows of a node that goes on from those of the nodes `before` it, in `of`.
  RowRange Add(const Node& node, const std::vector<RowRange>& of, const PromptLayout& layout,
               const ControlSet& controls) {
    const RowRange rows = {static_cast<int>(positions.size()), node.count};
    SequenceRows& sequence = input.sequences.emplace_back();
    sequence.row_begin = rows.begin;
    sequence.count = rows.count;
    sequence.position = node.begin;
    for (const int before : node.before) sequence.before.push_back(of[before]);
    for (int i = 0; i < node.count; ++i) {
      positions.push_back(node.begin + i);
      shared_rows.push_back(node.shared_row + i);
    }
    controlled.push_back({.layout = layout, .controls = &controls});
    controlled.back().row_begin = rows.begin;
    controlled.back().count = rows.count;
    controlled.back().position = controlled.back().fresh = node.begin;
    return rows;
  }

  void Finish() { input.positions = ToTensor(positions, device); }

  const at::Device device;
  StepInput input;  // without tokens: the rows come from RunShared
  std::vector<int64_t> positions;
  std::vector<int64_t> shared_rows;  // where RunShared has the row
  std::vector<ControlledRows> controlled;
  std::vector<std::vector<RowRange>> rows;  // by strength and node
};

FanOut::FanOut(std::shared_ptr<const Decoder> decoder, std::vector<ForcedText> texts,
               const ControlSet& controls)
    : decoder_(std::move(decoder)), texts_(std::move(texts)), paths_(texts_.size()) {
  first_layer_ = decoder_->config().layers;
  for (const ControlEntry& control : controls) {
    for (const SignalTerm& term : control.signal->terms())
      first_layer_ = std::min(first_layer_, term.site.layer);
  }
  std::vector<size_t> all(texts_.size());
  std::iota(all.begin(), all.end(), size_t{0});
  Grow(all, 0, {}, controls);
}

void FanOut::Grow(const std::vector<size_t>& texts, int begin, std::vector<int> before,
                  const ControlSet& controls) {
  const ForcedText& first = texts_[texts.front()];
  const bool plain = begin == 0 || (!before.empty() && nodes_[before.back()].plain);
  const auto alike = [&](int position) {
    return std::all_of(texts.begin(), texts.end(), [&](size_t text) {
      return position < Positions(texts_[text]) && Same(first, texts_[text], controls, position);
    });
  };
  int end = begin;
  int plain_end = begin;
  for (; alike(end); ++end) {
    if (plain && plain_end == end && !IsSteered(first, controls, end)) ++plain_end;
  }
  for (const auto& [from, to] : {std::pair(begin, plain_end), std::pair(plain_end, end)}) {
    if (from == to) continue;
    for (const size_t text : texts) paths_[text].push_back(static_cast<int>(nodes_.size()));
    Node node{.text = texts.front(), .begin = from, .count = to - from, .before = before};
    node.plain = to == plain_end;
    before.push_back(static_cast<int>(nodes_.size()));
    Add(std::move(node));
  }
  // What goes on differently, each in the order of the texts.
  std::vector<std::vector<size_t>> parts;
  for (const size_t text : texts) {
    if (Positions(texts_[text]) == end) continue;
    const auto same = std::find_if(parts.begin(), parts.end(), [&](const auto& part) {
      return Same(texts_[part.front()], texts_[text], controls, end);
    });
    (same != parts.end() ? *same : parts.emplace_back()).push_back(text);
  }
  for (const std::vector<size_t>& part : parts) Grow(part, end, before, controls);
}

void FanOut::Add(Node node) {
  node.shared_row = plain_rows_ + rows_per_strength_;
  (node.plain ? plain_rows_ : rows_per_strength_) += node.count;
  nodes_.push_back(std::move(node));
}

FanOut::Step FanOut::Layout(std::span<const ControlSet> strengths) const {
  static const ControlSet kNone;
  Step step(decoder_->device());
  for (const ControlSet& controls : strengths) {
    std::vector<RowRange> rows(nodes_.size());
    for (size_t i = 0; i < nodes_.size(); ++i) {
      const Node& node = nodes_[i];
      // Nothing acts on a plain node, whatever the strength.
      rows[i] = node.plain && !step.rows.empty()
                    ? step.rows.front()[i]
                    : step.Add(node, rows, texts_[node.text].layout, node.plain ? kNone : controls);
    }
    step.rows.push_back(std::move(rows));
  }
  step.Finish();
  return step;
}

absl::Status FanOut::RunShared() {
  return CatchTorch("scoring", [this] {
    const at::NoGradGuard no_grad;
    std::vector<int64_t> tokens;
    for (const Node& node : nodes_) {
      const auto begin = texts_[node.text].tokens.begin() + node.begin;
      tokens.insert(tokens.end(), begin, begin + node.count);
    }
    // With one strength every node is there once, in the order of `tokens`.
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
    return Read(Forward(step, decoder_->config().layers), step);
  });
}

absl::StatusOr<at::Tensor> FanOut::RunTo(int layer, std::span<const ControlSet> strengths) {
  STEER_CHECK(texts_.size() == 1 && layer >= first_layer_);
  return CatchTorch("reading activations", [&]() -> absl::StatusOr<at::Tensor> {
    const at::NoGradGuard no_grad;
    const at::Tensor h = Forward(Layout(strengths), layer + 1);
    // Behind the plain rows, those of the strengths follow each other.
    return h.narrow(0, plain_rows_, h.size(0) - plain_rows_)
        .view({static_cast<int64_t>(strengths.size()), rows_per_strength_, h.size(1)});
  });
}

at::Tensor FanOut::Forward(const Step& step, int end_layer) const {
  const ControlPlan plan = ControlPlan::Build(
      step.controlled, static_cast<int>(step.positions.size()), decoder_->device());
  at::Tensor h = shared_.index_select(0, ToTensor(step.shared_rows, decoder_->device()));
  return decoder_->Forward(step.input, std::move(h), {first_layer_, end_layer}, /*cache=*/nullptr,
                           plan);
}

std::vector<std::vector<ForcedLogProbs>> FanOut::Read(const at::Tensor& h, const Step& step) const {
  // What is asked, in the order of the answer: the row that predicts it, and the token.
  std::vector<int64_t> rows, tokens;
  for (const std::vector<RowRange>& of : step.rows) {
    for (size_t i = 0; i < texts_.size(); ++i) {
      const ForcedText& text = texts_[i];
      for (const int path : paths_[i]) {
        const Node& node = nodes_[path];
        const int first = std::max(node.begin, text.layout.prompt_length - 1);
        for (int position = first; position < node.end(); ++position) {
          rows.push_back(of[path].begin + position - node.begin);
          tokens.push_back(text.tokens[position + 1]);
        }
      }
    }
  }
  const std::vector<double> log_probs = LogProbs(h, rows, tokens);
  std::vector<std::vector<ForcedLogProbs>> result(step.rows.size());
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
