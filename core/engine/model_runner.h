#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/control/control_plan.h"
#include "core/engine/runner.h"
#include "core/model/decoder.h"
#include "core/model/kv_cache.h"

namespace steer {

// The real runner: one ragged batch through the decoder, controls and cache included. Engine thread
// only.
class ModelRunner final : public Runner {
 public:
  ModelRunner(std::shared_ptr<const Decoder> decoder, std::unique_ptr<KvCache> cache,
              int block_size);

  // A row whose logits are not finite ends its own sequence with OUT_OF_RANGE; the others go on.
  // What libtorch throws fails the batch.
  absl::StatusOr<StepResult> Run(const Batch& batch) override;

 private:
  // A row whose logits are needed, and for what.
  struct LogitRow {
    int row = 0;
    size_t entry = 0;
    TokenId forced = -1;  // the token whose log-probability is asked; -1 where one is sampled
    int position = 0;
  };

  static void ReadRow(std::span<const float> logits, const LogitRow& row, const Sequence& sequence,
                      EntryResult& entry);

  absl::StatusOr<StepResult> RunUnguarded(const Batch& batch);
  StepInput MakeInput(const Batch& batch) const;
  static std::vector<LogitRow> RowsOf(const Batch& batch);
  void ReadLogits(const at::Tensor& h, const std::vector<LogitRow>& rows, const Batch& batch,
                  StepResult& result) const;

  std::shared_ptr<const Decoder> decoder_;
  std::unique_ptr<KvCache> cache_;
  int block_size_;
};

}  // namespace steer
