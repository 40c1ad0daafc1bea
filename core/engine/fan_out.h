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

// The log-probabilities of several continuations of one prompt under several strengths of the same
// controls. The texts are a tree, and nothing in it is computed twice that is the same:
//
//   root    positions before the first on which any control may act: once for all strengths
//   trunk   the rest of what all texts share: once per strength
//   branch  what is a text's own: once per text and strength
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
  int root_rows() const { return root_.count; }
  int rows_per_strength() const;

  // The blocks below the lowest steered site. First and once.
  absl::Status RunShared();
  // All other blocks, one step for all the given strengths: `controls` as above with other
  // multipliers, [strength][text]. NaN where a distribution is not
  // finite.
  absl::StatusOr<std::vector<std::vector<ForcedLogProbs>>> Run(
      std::span<const ControlSet> strengths);

 private:
  // Positions [begin, begin + count) of a text.
  struct Segment {
    int begin = 0;
    int count = 0;
    int shared_row = 0;  // where its rows begin among those of RunShared
    int end() const { return begin + count; }
  };
  struct Step;

  Step Layout(std::span<const ControlSet> strengths) const;
  std::vector<std::vector<ForcedLogProbs>> Read(const at::Tensor& h, const Step& step) const;
  std::vector<double> LogProbs(const at::Tensor& h, const std::vector<int64_t>& rows,
                               const std::vector<int64_t>& tokens) const;

  const std::shared_ptr<const Decoder> decoder_;
  const std::vector<ForcedText> texts_;
  int first_layer_ = 0;  // that any control reaches; the number of layers when none does
  Segment root_;
  Segment trunk_;
  std::vector<Segment> branches_;  // by text
  at::Tensor shared_;              // [rows of all segments, hidden], entering first_layer_
};

}  // namespace steer
