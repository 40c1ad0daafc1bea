#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "core/control/control_signal.h"
#include "core/model/decoder.h"
#include "core/signal/forced_text.h"

namespace steer {

// An answer behind its prompt, and what training never changes about it. A value.
struct PreparedAnswer {
  ForcedText text;
  at::Tensor entering;        // [positions, hidden] what enters the first block that is trained
  double plain_log_prob = 0;  // the answer's in the plain model; only if asked for
};

// How one answer is steered in a pass.
struct SteeredAnswer {
  const PreparedAnswer* answer = nullptr;
  double factor = 0;  // m1 and m2
  // Instead, of vectors: each is taken out of what leaves its site, as a null-out does (paper 4.3).
  bool null_out = false;
};

// How likely answers are under a signal that learns. Blocks below the signal are run once per
// answer (Prepare); a pass runs those above, on ragged rows: positions that nothing acts on and in
// which all answers agree once for all of them, an answer's prompt not again if the answer before
// it has the same one, steered alike; logits only where an answer is predicted. Not thread-safe;
// every call needs the device to itself.
class AnswerPass {
 public:
  // `first_layer`: the lowest block that the signal changes. `positions`: where it acts.
  // `with_plain`: answers are asked for in the plain model, too.
  AnswerPass(std::shared_ptr<const Decoder> decoder, int first_layer, PositionRule positions,
             bool with_plain)
      : decoder_(std::move(decoder)),
        first_layer_(first_layer),
        positions_(positions),
        with_plain_(with_plain) {}

  PreparedAnswer Prepare(ForcedText text) const;

  // The rows that a pass with these answers has.
  int Rows(std::span<const SteeredAnswer> answers) const;
  // Sums of the log-probabilities of each answer's tokens: [answers], fp32, or fp64 as the model;
  // in the graph of the terms' tensors where gradients are on.
  at::Tensor LogProbs(std::span<const SteeredAnswer> answers,
                      std::span<const SignalTerm> terms) const;

 private:
  struct Step;

  Step Layout(std::span<const SteeredAnswer> answers) const;
  ControlPlan Plan(const Step& step, std::span<const SteeredAnswer> answers,
                   std::span<const SignalTerm> terms, std::span<const SignalTerm> null_outs) const;
  // Of rows from the top block, each with the token it predicts and the answer that one is of.
  at::Tensor SumLogProbs(const at::Tensor& h, const std::vector<int64_t>& tokens,
                         const std::vector<int64_t>& owners, int64_t answers) const;

  const std::shared_ptr<const Decoder> decoder_;
  const int first_layer_;
  const PositionRule positions_;
  const bool with_plain_;
};

}  // namespace steer
