#include "core/runtime/training_run.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "c10/core/ScalarType.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// What the graph of one piece may hold.
constexpr int64_t kGraphBytes = int64_t{384} << 20;

// Rows whose graph fits there. A block keeps, of each row, six vectors of the residual width (what
// the norms read, queries, keys, values and their sum) and three of the MLP's.
int RowsThatFit(const Decoder& decoder, int first_layer) {
  const ModelConfig& config = decoder.config();
  const int64_t elements =
      int64_t{config.layers - first_layer} * (6 * config.hidden + 3 * config.ffn);
  const auto bytes = elements * static_cast<int64_t>(c10::elementSize(decoder.dtype()));
  return static_cast<int>(std::clamp<int64_t>(kGraphBytes / bytes, 1, 4096));
}

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

double NormOf(const SignalData& signal) {
  double sum = 0;
  for (const SiteUpdate& update : signal.updates) {
    for (const auto& [name, tensor] : update.tensors)
      for (const float value : tensor.floats()) sum += static_cast<double>(value) * value;
  }
  return std::sqrt(sum);
}

}  // namespace

absl::StatusOr<TrainedSignal> Train(const EngineScorer::Place& place, const CarrierSpec& carrier,
                                    const TrainingParams& params, std::vector<ContrastPair> pairs,
                                    JobContext& context) {
  Carrier start = Carrier::Create(carrier, place.decoder->config().shape(), params.schedule.seed,
                                  place.decoder->device());
  const int most_rows = RowsThatFit(*place.decoder, start.first_layer());
  Trainer::Parts parts = {
      .decoder = place.decoder,
      .run_unit =
          [pool = place.pool](const Engine::Unit& unit) { return pool->engine().RunUnit(unit); },
      .unit_rows = [pool = place.pool,
                    most_rows] { return pool->in_flight() > 0 ? 0 : most_rows; }};
  STEER_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(std::move(parts), std::move(start), std::move(pairs), params));
  const Clock::time_point begin = Clock::now();
  int64_t tokens = 0;
  StepReport last;
  while (!trainer->done()) {
    if (!context.Progress(trainer->steps_done(), params.steps))
      return absl::CancelledError("the job was cancelled");
    STEER_ASSIGN_OR_RETURN(last, trainer->Step());
    tokens += last.tokens;
    const double seconds = Seconds(begin);
    context.Trained({.last = last,
                     .steps = params.steps,
                     .tokens_per_second = static_cast<double>(tokens) / seconds,
                     .seconds_left = seconds / last.step * (params.steps - last.step)});
  }
  if (!context.Progress(params.steps, params.steps))
    return absl::CancelledError("the job was cancelled");
  // Half as far again as it was trained at.
  const std::vector<double>& factors = params.schedule.factors;
  TrainedSignal trained = {.signal = trainer->carrier().ToSignal(),
                           .reach = 1.5 * *std::max_element(factors.begin(), factors.end())};
  trained.results = {{"steps", last.step},
                     {"loss", last.loss},
                     {"winning_loss", last.winning_loss},
                     {"norm", NormOf(trained.signal)},
                     {"seconds", Seconds(begin)},
                     {"tokens_per_second", static_cast<double>(tokens) / Seconds(begin)}};
  if (last.losing_loss) trained.results.emplace("losing_loss", *last.losing_loss);
  return trained;
}

}  // namespace steer
