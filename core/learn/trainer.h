#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
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

  // `pairs`: at least one. UNIMPLEMENTED names what an objective cannot do with this carrier.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(Parts parts, Carrier carrier,
                                                         std::vector<ContrastPair> pairs,
                                                         TrainingParams params);
  ~Trainer();

  int steps_done() const { return steps_done_; }
  bool done() const { return steps_done_ >= params_.steps; }
  // The next step. UNAVAILABLE, RESOURCE_EXHAUSTED or INTERNAL with what libtorch said;
  // FAILED_PRECONDITION when the run has diverged. After an error it is over.
  absl::StatusOr<StepReport> Step();
  // Instead of what the schedule says.
  absl::StatusOr<StepReport> Step(const TrainingStep& step);
  const Carrier& carrier() const { return carrier_; }

 private:
  struct Row;
  struct Sums;

  Trainer(Parts parts, Carrier carrier, std::vector<ContrastPair> pairs, TrainingParams params);
  absl::Status Prepare(const TrainingStep& step);
  void Forget();
  std::vector<Row> Steer(const Minibatch& minibatch) const;
  static std::vector<SteeredAnswer> AnswersOf(std::span<const Row> rows);
  std::vector<std::span<const Row>> Units(const std::vector<Row>& rows) const;
  absl::Status RunUnit(bool gradients, const std::function<void()>& work) const;
  PairLogProbs Forward(std::span<const Row> rows) const;
  // Adds the gradient of `weight` times a minibatch's loss.
  absl::Status Minimise(const std::vector<Row>& rows, double weight, Sums& sums);
  absl::Status MinimisePooled(const std::vector<std::span<const Row>>& units, double weight,
                              Sums& sums);

  const Parts parts_;
  Carrier carrier_;
  const std::vector<ContrastPair> pairs_;
  const TrainingParams params_;
  const TrainingSchedule schedule_;
  AnswerPass pass_;
  std::vector<std::optional<PreparedAnswer>> answers_;  // of pair i: 2 i and 2 i + 1
  std::vector<std::optional<PreparedAnswer>*> fresh_;   // those that this step has prepared
  int64_t kept_bytes_ = 0;
  Optimizer optimizer_;
  int steps_done_ = 0;
};

}  // namespace steer
