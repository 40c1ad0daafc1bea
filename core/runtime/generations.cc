#include "core/runtime/generations.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/engine/engine.h"
#include "core/signal/control_set.h"
#include "core/tokenizer/detokenizer.h"

namespace steer {
namespace {

constexpr int kMaxCompletions = 16;
constexpr int64_t kRetryDelayMs = 1000;

// Passes everything on and says when its completion has ended.
class LiveSink final : public EventSink {
 public:
  LiveSink(std::shared_ptr<EventSink> inner, LiveGenerations* live, RequestId id)
      : inner_(std::move(inner)), live_(live), id_(id) {}
  void OnPrompt(PromptEvent event) override { inner_->OnPrompt(std::move(event)); }
  void OnToken(TokenEvent event) override { inner_->OnToken(std::move(event)); }
  void OnFinished(FinishedEvent event) override {
    inner_->OnFinished(std::move(event));
    live_->Ended(id_);
  }

 private:
  const std::shared_ptr<EventSink> inner_;
  LiveGenerations* const live_;
  const RequestId id_;
};

absl::Status QueueFull(int limit) {
  absl::Status full = FieldError(
      absl::StatusCode::kResourceExhausted,
      {"QUEUE_FULL", "request", absl::StrCat("more than ", limit, " completions in flight"),
       "a retry after the delay"});
  SetRetryDelayMs(full, kRetryDelayMs);
  return full;
}

// Refuses what its pool cannot begin to answer in time, as far as can be told.
absl::Status CheckDeadline(const Request& request, const WorkerPool& pool) {
  if (!request.deadline) return absl::OkStatus();
  const double left = std::chrono::duration<double>(*request.deadline - request.arrival).count();
  if (pool.CanComputeWithin(static_cast<int>(request.tokens.size()), left)) {
    return absl::OkStatus();
  }
  return FieldError(absl::StatusCode::kDeadlineExceeded,
                    {"PROMPT_TAKES_TOO_LONG", "deadline", absl::StrCat(left, " s left"),
                     "time enough to compute the prompt after those that wait"});
}

}  // namespace

Generations::Generations(Parts parts) : parts_(std::move(parts)) {}

absl::StatusOr<Admitted> Generations::Start(const GenerateSpec& spec,
                                            const std::vector<std::shared_ptr<EventSink>>& sinks) {
  if (spec.n < 1 || spec.n > kMaxCompletions || sinks.size() != static_cast<size_t>(spec.n)) {
    return InvalidField("n", absl::StrCat(spec.n), absl::StrCat("1..", kMaxCompletions));
  }
  Admitted admitted;
  STEER_ASSIGN_OR_RETURN(const Request request, Prepare(spec, admitted));
  STEER_ASSIGN_OR_RETURN(WorkerPool* const pool, parts_.dispatcher->Choose(request, spec.n));
  admitted.pool = pool->name();
  admitted.id = parts_.next_id->fetch_add(spec.n);
  absl::Status entered = CheckDeadline(request, *pool);
  if (entered.ok()) entered = Enter(request, admitted, pool);
  if (!entered.ok()) {
    pool->GiveBack(spec.n);
    return entered;
  }
  STEER_RETURN_IF_ERROR(Submit(request, admitted.id, sinks, *pool));
  parts_.use->Add(admitted.controls);
  return admitted;
}

absl::StatusOr<Request> Generations::Prepare(const GenerateSpec& spec, Admitted& admitted) const {
  const Admission& admission = *parts_.admission;
  admitted.n = spec.n;
  admitted.sampling = admission.Sampling(spec.sampling);
  STEER_ASSIGN_OR_RETURN(PreparedPrompt prompt, admission.Prompt(spec, admitted.sampling));
  STEER_RETURN_IF_ERROR(admission.CheckContinued(spec, admitted.sampling));
  STEER_ASSIGN_OR_RETURN(PreparedControls controls, parts_.controls->Resolve(spec.controls));
  STEER_RETURN_IF_ERROR(CheckSelections(controls, prompt.layout, "this prompt"));
  if (spec.budget) {
    STEER_ASSIGN_OR_RETURN(admitted.budget,
                           parts_.budgets->Choose(*spec.budget, controls.resolved));
    for (size_t i = 0; i < controls.set.size(); ++i)
      controls.SetMultiplier(i, admitted.budget->shares[i].multiplier);
  }
  admitted.controls = std::move(controls.resolved);
  admitted.prompt_tokens = prompt.layout.prompt_length;
  admitted.truncated_tokens = prompt.truncated;
  admitted.model_fingerprint = parts_.model_fingerprint;
  if (spec.echo || spec.sampling.prompt_log_probs) {
    admitted.prompt = PromptText{
        prompt.tokens, Detokenize(*parts_.tokenizer, prompt.tokens, /*with_special=*/true)};
  }
  Request request;
  request.tokens = std::move(prompt.tokens);
  request.tokens.insert(request.tokens.end(), spec.continue_tokens.begin(),
                        spec.continue_tokens.end());
  request.layout = prompt.layout;
  request.sampling = admitted.sampling;
  request.end_tokens = parts_.tokenizer->end_tokens();
  request.controls = std::move(controls.set);
  request.deadline = spec.deadline;
  request.arrival = Clock::now();
  return request;
}

absl::Status Generations::Enter(const Request& request, const Admitted& admitted,
                                WorkerPool* pool) {
  LiveGenerations::Generation generation{.pool = pool,
                                         .completions = admitted.n,
                                         .prompt_tokens = admitted.prompt_tokens,
                                         .controls = {}};
  for (const ResolvedControl& control : admitted.controls) {
    const MultiplierRun& last = request.controls[generation.controls.size()].multipliers.back();
    generation.controls.push_back(
        {control.name, control.signal_id, last.m1, last.m2, control.kind});
  }
  if (parts_.live->Add(admitted.id, std::move(generation), parts_.max_in_flight)) {
    return absl::OkStatus();
  }
  return QueueFull(parts_.max_in_flight);
}

absl::Status Generations::Submit(const Request& request, RequestId id,
                                 const std::vector<std::shared_ptr<EventSink>>& sinks,
                                 WorkerPool& pool) {
  const int completions = static_cast<int>(sinks.size());
  for (int i = 0; i < completions; ++i) {
    auto copy = std::make_unique<Request>(request);
    copy->id = id + i;
    copy->sampling.completion = i;
    // The prompt is the same for all: one tells of it, the others may share what it computed.
    if (i > 0) copy->sampling.prompt_log_probs.reset();
    copy->sink = std::make_shared<LiveSink>(sinks[i], parts_.live, id);
    if (absl::Status submitted = pool.Submit(std::move(copy)); !submitted.ok()) {
      // Signals are the same for all: only the first can be refused.
      for (int rest = i; rest < completions; ++rest) parts_.live->Ended(id);
      pool.GiveBack(completions - i - 1);
      return submitted;
    }
  }
  return absl::OkStatus();
}

void Generations::Cancel(RequestId id) {
  const std::optional<LiveGenerations::Generation> generation = parts_.live->Find(id);
  if (!generation) return;
  for (int i = 0; i < generation->completions; ++i) generation->pool->engine().Cancel(id + i);
}

absl::StatusOr<std::vector<UpdatedCompletion>> Generations::Update(RequestId id,
                                                                   const std::string& signal,
                                                                   std::optional<double> m1,
                                                                   std::optional<double> m2) {
  if (m1) STEER_RETURN_IF_ERROR(CheckMultiplier(*m1, "multiplier"));
  if (m2) STEER_RETURN_IF_ERROR(CheckMultiplier(*m2, "bias_multiplier"));
  STEER_ASSIGN_OR_RETURN(const LiveGenerations::Change change,
                         parts_.live->Resolve(id, signal, m1, m2));
  STEER_RETURN_IF_ERROR(CheckMultipliers(change.generation.controls[change.control].kind, change.m1,
                                         change.m2, /*prefix=*/""));
  std::vector<UpdatedCompletion> updated;
  for (int i = 0; i < change.generation.completions; ++i) {
    const absl::StatusOr<int> position = change.generation.pool->engine().SetMultipliers(
        id + i, change.control, change.m1, change.m2);
    if (absl::IsNotFound(position.status())) continue;  // this one has ended
    STEER_RETURN_IF_ERROR(position.status());
    updated.push_back(
        {.completion = i,
         .position = *position,
         .first_token = std::max(0, *position - (change.generation.prompt_tokens - 1))});
  }
  if (updated.empty()) return NotFound("request_id", "running request", absl::StrCat(id));
  parts_.live->Changed(id, change);
  return updated;
}

}  // namespace steer
