#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "core/model/decoder.h"
#include "core/signal/control_set.h"
#include "core/signal/forced_text.h"

namespace steer {

// The log-probabilities of texts under several strengths of the same controls. The texts are a tree
// of what they begin with, each position once for all texts that are alike up to it and steered
// alike there:
//
//   plain    positions before the first on which any control may act: once for all strengths
//   steered  all others: once per strength
//
// and blocks below the lowest steered site see every position once, whatever the strength. Rows of
// one step differ in strength only; keys and values live for the step, there is no cache.
//
// Not thread-safe; every call needs the device to itself.
class FanOut {
 public:
  // `texts`: at least one. `controls` with their signals: the multipliers here do not matter.
  FanOut(std::shared_ptr<const Decoder> decoder, std::vector<ForcedText> texts,
         const ControlSet& controls);

  // Rows of the step that all strengths share, and those that each strength adds to a step.
  int plain_rows() const { return plain_rows_; }
  int rows_per_strength() const { return rows_per_strength_; }

  // The blocks below the lowest steered site. First and once.
  absl::Status RunShared();
  // All other blocks, one step for all the given strengths: `controls` as above with other
  // multipliers, [strength][text]. NaN where a distribution is not
  // finite.
  absl::StatusOr<std::vector<std::vector<ForcedLogProbs>>> Run(
      std::span<const ControlSet> strengths);
  // Instead of Run and with one text: what leaves block `layer`, no lower than first_layer(), at
  // the positions from plain_rows() to the last but one, [strength, position, hidden].
  absl::StatusOr<at::Tensor> RunTo(int layer, std::span<const ControlSet> strengths);
  int first_layer() const { return first_layer_; }

 private:
  // Positions [begin, begin + count) of the texts that begin alike so far.
  struct Node {
    size_t text = 0;  // the first of them, which says what they are
    int begin = 0;
    int count = 0;
    bool plain = false;       // nothing acts up to its end
    std::vector<int> before;  // the nodes that lead to it
    int shared_row = 0;       // where its rows begin among those of RunShared
    int end() const { return begin + count; }
  };
  struct Step;

  // The tree of `texts`, which are alike up to `begin`, where `before` has led.
  void Grow(const std::vector<size_t>& texts, int begin, std::vector<int> before,
            const ControlSet& controls);
  void Add(Node node);
  Step Layout(std::span<const ControlSet> strengths) const;
  at::Tensor Forward(const Step& step, int end_layer) const;
  std::vector<std::vector<ForcedLogProbs>> Read(const at::Tensor& h, const Step& step) const;
  std::vector<double> LogProbs(const at::Tensor& h, const std::vector<int64_t>& rows,
                               const std::vector<int64_t>& tokens) const;

  std::shared_ptr<const Decoder> decoder_;
  std::vector<ForcedText> texts_;
  int first_layer_ = 0;      // that any control reaches; the number of layers when none does
  std::vector<Node> nodes_;  // each after those before it
  std::vector<std::vector<int>> paths_;  // by text: its nodes, in order
  int plain_rows_ = 0;
  int rows_per_strength_ = 0;
  at::Tensor shared_;  // [rows of all nodes, hidden], entering first_layer_
};

}  // namespace steer
