#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/learn/training_schedule.h"
#include "core/signal/positions.h"
#include "core/signal/signal_data.h"
#include "core/signal/site.h"

namespace steer {

// What a training run makes smaller. Each is a function of how likely both answers of some pairs
// are; L_p is the loss of the winning answer, L_n that of the losing one.

// Supervised fine-tuning: the pooled L_p.
struct SftParams {};

// SPLIT (paper 3.1): lambda_p L_p + lambda_n L_n + gamma relu(theta - (L_n - L_p)). Losses are
// pooled over the tokens of all the pairs, as the published code has it, so that long answers weigh
// more; `per_pair` takes each pair's own and averages what comes of them.
struct SplitParams {
  double lambda_p = 1;
  double lambda_n = 0.5;
  double gamma = 5;
  double theta = 0.4;  // nats per token
  bool per_pair = false;
  // Of relu(L_p - plain L_p) + relu(L_n - plain L_n).
  double reference_weight = 0;
};

// RePS (paper 4.3), s being sums over an answer's tokens and |y| their number:
//   -log sigmoid(beta (k / |w| s(w) - s(l) / |l|)),  k = max(kappa (s_plain(l) - s_plain(w)), 1)
struct RepsParams {
  double beta = 1;
  double kappa = 1;
};

// DPO: -log sigmoid(beta_i (s(w) - s(l) - s_plain(w) + s_plain(l))). With factors of +-1 for both
// signs of a pair it is BiPO (paper 4.4). beta_i is beta, or with `hardness_aware` each pair's own,
// after HaNoRec (arXiv 2511.18740): smaller where both answers are alike, and the larger the more
// evenly the minibatch responds (see HardnessBetas).
struct DpoParams {
  double beta = 0.1;
  bool hardness_aware = false;
};

// SimPO: -log sigmoid(beta (s(w) / |w| - s(l) / |l|) - margin) + l1 |v|. The last part is of a
// feature shift alone (FSRL, arXiv 2509.12934): of each answer the mean of the sum |v| over the
// positions where it acts, averaged over a pair's answers.
struct SimpoParams {
  double beta = 2;
  double margin = 1;
  double l1 = 0;
};

// CDAS (arXiv 2602.05234), of a clamp: the coordinates along it of every row where it acts, in a
// text whose prompt does not lead to its answer, become those of the last prompt token of the same
// answer behind its own prompt, and what the model then predicts of the answer is to be what it
// predicts there: the Jensen-Shannon divergence of both, averaged over the answer's tokens. What is
// served puts rows to target_factor times the mean of those prompt tokens, over the prompts of the
// positive answers, or of the negative ones in a run that only subtracts.
struct CdasParams {
  double target_factor = 1;
};

using Objective =
    std::variant<SftParams, SplitParams, RepsParams, DpoParams, SimpoParams, CdasParams>;

// "sft", "split", "reps", "dpo", "simpo", "cdas"
absl::string_view Name(const Objective& objective);

// INVALID_ARGUMENT, naming the parameter, where one is not finite or out of its range.
absl::Status Validate(const Objective& objective);

// Whether the losing answers matter, and what the plain model makes of both.
bool NeedsLosing(const Objective& objective);
bool NeedsReference(const Objective& objective);
// Whether how far apart a pair's answers are matters.
bool NeedsDistance(const Objective& objective);
// Whether it is of answers behind each other's prompts.
bool Interchanges(const Objective& objective);
// Whether how far features are shifted matters.
bool NeedsShift(const Objective& objective);
// Whether it is a mean over pairs, so that they can be worked on one after another.
bool IsMeanOverPairs(const Objective& objective);

// What a run trains.
struct CarrierSpec {
  SignalKind kind = SignalKind::kVector;
  std::vector<std::pair<Site, Read>> places;  // by site, each once; see SiteUpdate
  int rank = 4;  // of a LoRA, a bottleneck, a low-rank affine or a clamp
  Nonlinearity nonlinearity = Nonlinearity::kIdentity;  // of a bottleneck
  // Of a low-rank affine: it learns as a distribution, whose mean is the signal (D-ReFT, arXiv
  // 2506.06686); see LowRankAffineTerm.
  bool distribution = false;
  // Of a feature shift, which stands at the one site of it: a signal of that kind, of which the
  // autoencoder is taken and stays as it is.
  std::shared_ptr<const SignalData> autoencoder = nullptr;
};

// Of a LoRA: the place of the down_proj whose block's output place `which` reads; nullopt if it
// reads none, or if that down_proj is no place.
std::optional<size_t> DownProjOf(const CarrierSpec& spec, size_t which);

// INVALID_ARGUMENT where the kind is not learnt, a place does not exist in the model or cannot
// carry the kind, or where the rank is none.
absl::Status Validate(const CarrierSpec& spec, const ModelShape& shape);

// How the learning rate goes on behind the warm-up: down to 0 on a line or on half a cosine, or
// not.
enum class Decay : uint8_t { kLinear, kCosine, kNone };

inline constexpr int kMostSteps = 1000000;

struct TrainingParams {
  Objective objective = SplitParams{};
  PositionRule positions;  // where the signal acts, in training as later
  ScheduleParams schedule;
  int steps = 250;              // 1 .. kMostSteps
  double learning_rate = 0.01;  // of AdamW, betas 0.9 and 0.999; 1e-12 .. 1000
  double weight_decay = 0;      // 0 .. 1000
  int warm_up_steps = 0;        // in which the rate rises from 0 on a line
  Decay decay = Decay::kLinear;
  double clip = 1;          // the largest norm of all gradients together; 0 = none
  double dropout = 0;       // see Carrier::Chance; 0 .. 1, 1 excluded
  double noise = 0;         // likewise; 0 .. 1e6
  bool orthogonal = false;  // see Carrier::Separate, after each step
};

// INVALID_ARGUMENT, naming the parameter.
absl::Status Validate(const TrainingParams& params);

// What the paper's code does with such a signal (paper 3.4): a vector takes factors of 2 to 20 and
// a rate of 0.08, a weight a tenth of these factors and 0.01. DPO and SimPO take a factor of 1; for
// them these rates are a guess. A bottleneck (arXiv 2603.00425) takes 1 and 9e-4, a low-rank affine
// (arXiv 2506.06686) 1 and 3e-3, a feature shift (arXiv 2509.12934) 1 and 5e-5, a clamp (arXiv
// 2602.05234) 1 and 0.04.
TrainingParams PublishedParams(const Objective& objective, SignalKind kind);
inline constexpr double kPublishedEpochs = 2;

// Whether a run takes vectors out of their sites instead of adding them: RePS, where the negative
// answer is to win (paper 4.3).
bool NullsOut(const TrainingParams& params, SignalKind kind);
// INVALID_ARGUMENT, naming the parameter, where it means nothing for this carrier.
absl::Status CheckTrainable(const CarrierSpec& carrier, const TrainingParams& params);

}  // namespace steer
