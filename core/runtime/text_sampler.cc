#include "core/runtime/text_sampler.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/engine_scorer.h"

namespace steer {
namespace {

constexpr std::chrono::milliseconds kCancelPoll(100);

// One text as it comes. Shared with the engine, which may outlive the call when it is cancelled.
class TextSink final : public EventSink {
 public:
  void OnToken(TokenEvent event) override {
    const MutexLock lock(mutex_);
    tokens_.push_back(event.token);
    text_ += event.text;
  }

  void OnFinished(FinishedEvent event) override {
    const MutexLock lock(mutex_);
    text_ += event.tail_text;
    status_ = std::move(event.status);
    finished_ = true;
    changed_.NotifyAll();
  }

  // False when `cancelled` answers true first.
  bool Wait(const std::function<bool()>& cancelled) {
    while (!cancelled()) {
      const MutexLock lock(mutex_);
      if (finished_) return true;
      changed_.WaitUntil(mutex_, Clock::now() + kCancelPoll);
    }
    return false;
  }

  // After Wait.
  absl::Status Take(std::vector<TokenId>& tokens, std::string& text) {
    const MutexLock lock(mutex_);
    tokens = std::move(tokens_);
    text = std::move(text_);
    return std::move(status_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<TokenId> tokens_ ABSL_GUARDED_BY(mutex_);
  std::string text_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

GenerateSpec Question(const TextSpec& spec, size_t i, Admission::PairForm form) {
  GenerateSpec request;
  request.prompt = AsPrompt(spec.system, spec.questions[i], form);
  request.sampling = spec.sampling;
  request.sampling.seed = spec.sampling.seed.value_or(1) + i;
  return request;
}

// What the texts chose, if they were asked to.
void ReadChoices(const std::vector<AnswerChoice>& choices, TextPoint& point) {
  if (choices.empty()) return;
  point.choices.emplace();
  for (size_t i = 0; i < point.texts.size(); ++i) {
    const AnswerChoice& choice = choices.size() == 1 ? choices.front() : choices[i];
    MeasuredText& text = point.texts[i];
    text.chosen = ReadChoice(text.text, choice.matching, choice.not_matching);
    point.choices->Add(*text.chosen);
  }
}

}  // namespace

struct TextSampler::Sample {
  WorkerPool* pool = nullptr;
  RequestId id = 0;
  std::shared_ptr<TextSink> sink = std::make_shared<TextSink>();
  std::vector<TokenId> tokens;
  std::string text;
};

absl::Status TextSampler::Measure(const TextSpec& spec, const std::function<bool()>& cancelled,
                                  const std::function<bool(TextPoint)>& on_point) const {
  STEER_ASSIGN_OR_RETURN(const std::vector<Request> prompts, Prompts(spec));
  STEER_ASSIGN_OR_RETURN(const PreparedControls controls, parts_.controls->Resolve(spec.controls));
  for (size_t i = 0; i < prompts.size(); ++i) {
    STEER_RETURN_IF_ERROR(
        CheckSelections(controls, prompts[i].layout, absl::StrCat("questions[", i, "]")));
  }
  for (size_t i = 0; i < spec.multipliers.size(); ++i) {
    STEER_RETURN_IF_ERROR(
        CheckFactor(controls, spec.multipliers[i], absl::StrCat("multipliers[", i, "]")));
  }
  for (const double multiplier : spec.multipliers) {
    STEER_ASSIGN_OR_RETURN(TextPoint point,
                           MeasureAt(spec, prompts, controls, multiplier, cancelled));
    if (!on_point(std::move(point)))
      return absl::CancelledError("measuring texts was stopped by its reader");
  }
  return absl::OkStatus();
}

absl::StatusOr<TextCheck> TextSampler::Check(const CurveRecord& curve, double multiplier,
                                             TextSpec spec, double max_increase,
                                             const std::function<bool()>& cancelled) const {
  spec.controls = {{.signal = curve.signal_id, .multiplier = 1.0, .positions = curve.positions}};
  return CheckOnText(multiplier, max_increase, [&](double m) -> absl::StatusOr<double> {
    spec.multipliers = {m};
    std::optional<double> nll;
    STEER_RETURN_IF_ERROR(Measure(spec, cancelled, [&](const TextPoint& point) {
      nll = point.plain_nll;
      return true;
    }));
    if (nll) return *nll;
    return FieldError(absl::StatusCode::kFailedPrecondition,
                      {"NO_TEXT", "check.questions",
                       absl::StrCat("questions that are all answered with nothing at ", m),
                       "questions that the model answers"});
  });
}

absl::StatusOr<std::vector<Request>> TextSampler::Prompts(const TextSpec& spec) const {
  const Admission& admission = *parts_.admission;
  const Admission::PairForm form = spec.raw ? Admission::PairForm::kVerbatim : admission.form();
  std::vector<Request> requests;
  for (size_t i = 0; i < spec.questions.size(); ++i) {
    const GenerateSpec question = Question(spec, i, form);
    Request& request = requests.emplace_back();
    request.sampling = admission.Sampling(question.sampling);
    absl::StatusOr<PreparedPrompt> prompt = admission.Prompt(question, request.sampling);
    if (!prompt.ok()) return Annotate(prompt.status(), absl::StrCat("questions[", i, "]"));
    request.request_class = RequestClass::kBackground;
    request.tokens = std::move(prompt->tokens);
    request.layout = prompt->layout;
    request.end_tokens = admission.end_tokens();
  }
  return requests;
}

absl::StatusOr<TextPoint> TextSampler::MeasureAt(const TextSpec& spec,
                                                 const std::vector<Request>& prompts,
                                                 const PreparedControls& controls,
                                                 double multiplier,
                                                 const std::function<bool()>& cancelled) const {
  std::vector<Sample> samples(prompts.size());
  const std::vector<double> factors(controls.set.size(), multiplier);
  absl::Status generated = Generate(prompts, controls.Scaled(factors), cancelled, samples);
  if (!generated.ok()) {
    for (const Sample& sample : samples) {
      if (sample.pool != nullptr) sample.pool->engine().Cancel(sample.id);
    }
    return generated;
  }
  TextPoint point;
  point.multiplier = multiplier;
  std::vector<TextMeasures> measures;
  for (size_t i = 0; i < samples.size(); ++i) {
    measures.push_back(MeasureText(samples[i].text));
    point.texts.push_back({.question = spec.questions[i],
                           .text = samples[i].text,
                           .tokens = static_cast<int>(samples[i].tokens.size()),
                           .plain_nll = {},
                           .measures = measures.back(),
                           .chosen = {}});
  }
  point.measures = MeanOfTexts(measures);
  ReadChoices(spec.choices, point);
  STEER_RETURN_IF_ERROR(Judge(prompts, cancelled, samples, point));
  return point;
}

absl::Status TextSampler::Generate(const std::vector<Request>& prompts, const ControlSet& controls,
                                   const std::function<bool()>& cancelled,
                                   std::vector<Sample>& samples) const {
  for (size_t i = 0; i < prompts.size(); ++i) {
    auto request = std::make_unique<Request>(prompts[i]);
    request->id = (*parts_.next_id)++;
    request->controls = controls;
    request->arrival = Clock::now();
    request->sink = samples[i].sink;
    STEER_ASSIGN_OR_RETURN(WorkerPool* const pool, parts_.dispatcher->Choose(*request));
    const RequestId id = request->id;
    STEER_RETURN_IF_ERROR(pool->Submit(std::move(request)));
    samples[i].pool = pool;
    samples[i].id = id;
  }
  for (Sample& sample : samples) {
    if (!sample.sink->Wait(cancelled)) return absl::CancelledError("measuring texts was cancelled");
    STEER_RETURN_IF_ERROR(sample.sink->Take(sample.tokens, sample.text));
  }
  return absl::OkStatus();
}

absl::Status TextSampler::Judge(const std::vector<Request>& prompts,
                                const std::function<bool()>& cancelled,
                                const std::vector<Sample>& samples, TextPoint& point) const {
  std::vector<ForcedGroup> groups;
  std::vector<size_t> judged;  // by group: the text; one without tokens is nothing to be judged
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].tokens.empty()) continue;
    ForcedText text{prompts[i].tokens, prompts[i].layout};
    text.tokens.insert(text.tokens.end(), samples[i].tokens.begin(), samples[i].tokens.end());
    groups.push_back({std::move(text)});
    judged.push_back(i);
  }
  STEER_ASSIGN_OR_RETURN(std::vector<EngineScorer::Place> places, parts_.pools->ScoringPlaces());
  EngineScorer plain(std::move(places), parts_.unit_rows, PreparedControls());
  STEER_RETURN_IF_ERROR(
      plain.Score(groups, {Strength()}, cancelled, [&](size_t group, const GroupLogProbs& all) {
        point.texts[judged[group]].plain_nll = AnswerLoss(all.front().front(), LossMode::kMean);
      }));
  double sum = 0;
  for (const size_t i : judged) sum += *point.texts[i].plain_nll;
  if (!judged.empty()) point.plain_nll = sum / static_cast<double>(judged.size());
  return absl::OkStatus();
}

}  // namespace steer
