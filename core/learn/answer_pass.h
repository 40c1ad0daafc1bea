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
  at::Tensor entering;   // [positions, hidden] what enters the first block that is trained
  at::Tensor plain_out;  // [positions, hidden] what leaves it in the plain model; only if asked for
  double plain_log_prob = 0;  // the answer's in the plain model; only if asked for
};

// How one answer is steered in a pass.
struct SteeredAnswer {
  const PreparedAnswer* answer = nullptr;
  double factor = 0;  // m1 and m2
  // Instead, of a vector v: h - relu(h v) / |v|^2 v, which takes away what points along it (paper
  // 4.3). Needs plain_out, and a vector at one site.
  bool null_out = false;
};

// How likely answers are under a signal that learns. Blocks below the signal are run once per
// answer (Prepare); a pass runs those above, on ragged rows: positions that nothing acts on and in
// which all answers agree once for all of them, an answer's prompt not again if the answer before
// it has the same one, steered alike; logits only where an answer is predicted. Not thread-safe;
// every call needs the device to itself.
class AnswerPass {
 public:
  struct Wants {
    bool plain_out = false;
    bool plain_log_prob = false;
  };

  // `first_layer`: the lowest block that the signal changes. `positions`: where it acts.
  AnswerPass(std::shared_ptr<const Decoder> decoder, int first_layer, PositionRule positions,
             Wants wants)
      : decoder_(std::move(decoder)),
        first_layer_(first_layer),
        positions_(positions),
        wants_(wants) {}

  PreparedAnswer Prepare(ForcedText text) const;

  // The rows that a pass with these answers has.
  int Rows(std::span<const SteeredAnswer> answers) const;
  // Sums of the log-probabilities of each answer's tokens: [answers], fp32, or fp64 as the model;
  // in the graph of the terms' tensors where gradients are on.
  at::Tensor LogProbs(std::span<const SteeredAnswer> answers,
                      std::span<const AffineTerm> terms) const;

 private:
  struct Step;

  Step Layout(std::span<const SteeredAnswer> answers) const;
  ControlPlan Plan(const Step& step, std::span<const SteeredAnswer> answers,
                   std::span<const AffineTerm> terms) const;
  // Of rows from the top block, each with the token it predicts and the answer that one is of.
  at::Tensor SumLogProbs(const at::Tensor& h, const std::vector<int64_t>& tokens,
                         const std::vector<int64_t>& owners, int64_t answers) const;

  const std::shared_ptr<const Decoder> decoder_;
  const int first_layer_;
  const PositionRule positions_;
  const Wants wants_;
};

}  // namespace steer
