#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/learn/answer_pass.h"
#include "core/learn/carrier.h"
#include "core/learn/contrast_pair.h"
#include "core/learn/objective.h"
#include "core/learn/optimizer.h"
#include "core/learn/step_report.h"
#include "core/learn/training_params.h"
#include "core/learn/training_schedule.h"
#include "core/model/decoder.h"

namespace steer {

// A run that trains a signal against the frozen model (paper section 3), a step at a time. Equal
// parameters give equal bits on a CPU. Not thread-safe.
class Trainer {
 public:
  struct Parts {
    std::shared_ptr<const Decoder> decoder;
    // Runs a piece of work that needs the device to itself.
    std::function<absl::Status(const std::function<absl::Status()>&)> run_unit;
    // How many rows a piece should have at most. One pair's are always worked on together.
    std::function<int()> unit_rows;
  };

  // `pairs`: at least one. `held_out`: others, which the signal does not learn from.
  // INVALID_ARGUMENT as Validate and CheckTrainable.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(Parts parts, Carrier carrier,
                                                         std::vector<ContrastPair> pairs,
                                                         TrainingParams params,
                                                         std::vector<ContrastPair> held_out = {});
  ~Trainer();

  int steps_done() const { return steps_done_; }
  bool done() const { return steps_done_ >= params_.steps; }
  // The next step. UNAVAILABLE, RESOURCE_EXHAUSTED or INTERNAL with what libtorch said;
  // FAILED_PRECONDITION when the run has diverged. After an error it is over.
  absl::StatusOr<StepReport> Step();
  // Instead of what the schedule says.
  absl::StatusOr<StepReport> Step(const TrainingStep& step);
  const Carrier& carrier() const { return carrier_; }

  // What the held-out pairs, of which there is at least one, say of the signal as it is: without
  // dropout, at the mean factor, with both signs if it is trained so and has them.
  absl::StatusOr<HeldOutReport> Judge();
  // Remembers the signal as the best so far; goes back to it.
  void KeepBest();
  void TakeBest();

  // From where another trainer, made alike, goes on bit for bit: a safetensors file with `notes` in
  // its metadata. The notes come back; INVALID_ARGUMENT, with nothing changed, for other bytes.
  using Notes = std::map<std::string, std::string>;
  std::string Save(const Notes& notes) const;
  absl::StatusOr<Notes> Restore(absl::string_view checkpoint);

 private:
  // A pair with both answers steered as its row says; of an interchange both behind the prompt that
  // does not lead to the winning one, and the winning one behind its own, `source`.
  struct Row {
    SteeredAnswer winning, losing;
    const PreparedAnswer* source = nullptr;
  };
  struct Sums;

  // `pairs`: the last `held_out` of them are.
  Trainer(Parts parts, Carrier carrier, std::vector<ContrastPair> pairs, size_t held_out,
          TrainingParams params);
  // What a step needs of its answers; of the losing ones only if `losing`.
  absl::Status Prepare(const TrainingStep& step, bool losing);
  absl::Status Prepare(const ForcedText& text, std::optional<PreparedAnswer>& answer);
  // Where a clamp is to put rows.
  absl::Status FindTarget();
  void Forget();
  std::vector<Row> Steer(const Minibatch& minibatch, bool losing) const;
  static std::vector<SteeredAnswer> AnswersOf(std::span<const Row> rows);
  std::vector<std::span<const Row>> Units(const std::vector<Row>& rows) const;
  absl::Status RunUnit(bool gradients, const std::function<void()>& work) const;
  // `learning`: with dropout and noise.
  PairLogProbs Forward(std::span<const Row> rows, bool learning) const;
  // Of the answers behind each other's prompts alone.
  PairLogProbs Interchange(std::span<const Row> rows, const std::vector<SignalTerm>& terms) const;
  static PairLogProbs Join(const std::vector<PairLogProbs>& parts);
  Minibatch HeldOutRows() const;
  // Adds the gradient of `weight` times a minibatch's loss.
  absl::Status Minimise(const std::vector<Row>& rows, double weight, Sums& sums);
  absl::Status MinimisePooled(const std::vector<std::span<const Row>>& units, double weight,
                              Sums& sums);

  const Parts parts_;
  Carrier carrier_;
  const std::vector<ContrastPair> pairs_;
  const size_t held_out_;
  const TrainingParams params_;
  const TrainingSchedule schedule_;
  AnswerPass pass_;
  // Of a pair the positive answer, the negative one, and both behind each other's prompt.
  std::vector<std::array<std::optional<PreparedAnswer>, 4>> answers_;
  std::vector<std::optional<PreparedAnswer>*> fresh_;  // those that this step has prepared
  int64_t kept_bytes_ = 0;
  Optimizer optimizer_;
  std::vector<at::Tensor> best_;  // by parameter; empty before the first KeepBest
  int steps_done_ = 0;
};

}  // namespace steer
