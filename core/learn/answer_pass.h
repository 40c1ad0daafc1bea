#pragma once

#include <cstdint>
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
  at::Tensor entering;        // [positions, hidden] what enters the first block of a pass, plain
  double plain_log_prob = 0;  // the answer's in the plain model; only if asked for
  at::Tensor plain_top;       // [answer, hidden] what is predicted from there; likewise
};

// What is asked of an answer in the plain model.
enum class PlainAnswer : uint8_t { kNothing, kLogProb, kTop };

// How one answer is steered in a pass.
struct SteeredAnswer {
  const PreparedAnswer* answer = nullptr;
  double factor = 0;  // m1 and m2
  // Instead, of vectors: each is taken out of what leaves its site, as a null-out does (paper 4.3).
  bool null_out = false;
};

// How likely answers are under a signal that learns. Blocks below what it changes are run once per
// answer (Prepare); a pass runs those above, on ragged rows: positions that nothing acts on and in
// which all answers agree once for all of them, an answer's prompt not again if the answer before
// it has the same one, steered alike; logits only where an answer is predicted. Not thread-safe;
// every call needs the device to itself.
class AnswerPass {
 public:
  // `first_layer`: the first block of a pass; the signal acts in it, above it, or on what enters
  // it, at block_out of the one below. `positions`: where it acts.
  AnswerPass(std::shared_ptr<const Decoder> decoder, int first_layer, PositionRule positions,
             PlainAnswer plain)
      : decoder_(std::move(decoder)),
        first_layer_(first_layer),
        positions_(positions),
        plain_(plain) {}

  PreparedAnswer Prepare(ForcedText text) const;

  // The rows that a pass with these answers has.
  int Rows(std::span<const SteeredAnswer> answers) const;
  // Sums of the log-probabilities of each answer's tokens: [answers], fp32, or fp64 as the model;
  // in the graph of the terms' tensors where gradients are on.
  at::Tensor LogProbs(std::span<const SteeredAnswer> answers,
                      std::span<const SignalTerm> terms) const;
  // An answer behind a prompt that does not lead to it, with the coordinates along a clamp at what
  // enters the first block as they are at the last prompt token of `source`, the same answer behind
  // its own prompt: how far what is predicted of it is from what is predicted there (CDAS; see
  // CdasParams), and its log-probability. Scalars in the graph of the term's W.
  struct Interchanged {
    at::Tensor divergence, log_prob;
  };
  Interchanged Interchange(const PreparedAnswer& answer, const PreparedAnswer& source,
                           const SignalTerm& clamp) const;
  // By how much a feature shift at what enters the first block shifts an answer's features: the
  // mean of sum |v| over the positions where it acts. A scalar in the graph of the term's tensors.
  at::Tensor ShiftSize(const PreparedAnswer& answer, const SignalTerm& term) const;

 private:
  struct Step;

  Step Layout(std::span<const SteeredAnswer> answers) const;
  ControlPlan Plan(const Step& step, std::span<const SteeredAnswer> answers,
                   std::span<const SignalTerm> terms, std::span<const SignalTerm> null_outs) const;
  // Rows of the top block, each with the token it predicts and the answer that one is of.
  struct Asked {
    at::Tensor h;  // [asked, hidden]
    std::vector<int64_t> tokens, owners;
  };
  Asked Run(std::span<const SteeredAnswer> answers, std::span<const SignalTerm> terms) const;
  // Sums over the answers, of what each row makes of all tokens: [asked, vocabulary] -> [answers].
  static at::Tensor Sum(const at::Tensor& log_probs, const Asked& asked, int64_t answers);

  const std::shared_ptr<const Decoder> decoder_;
  const int first_layer_;
  const PositionRule positions_;
  const PlainAnswer plain_;
};

}  // namespace steer
