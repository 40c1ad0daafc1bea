#include "core/runtime/probes.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/analysis/dose_curve.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/runtime/probe_log.h"

namespace steer {
namespace {

constexpr double kIdlePollSeconds = 0.2;

Clock::time_point After(double seconds) {
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// Uses whose multipliers are factors on the same control: one score takes them all.
struct SameControl {
  ControlSpec control;
  std::vector<SignalUse::Count> uses;
  std::vector<double> factors;
};

std::vector<SameControl> Group(const std::string& signal_id,
                               const std::vector<SignalUse::Count>& uses) {
  std::vector<SameControl> groups;
  for (const SignalUse::Count& use : uses) {
    const bool alike = use.m1 == use.m2;
    ControlSpec control{.signal = signal_id,
                        .multiplier = alike ? 1 : use.m1,
                        .bias_multiplier = alike ? 1 : use.m2,
                        .positions = use.positions,
                        .allow_other_weights = true};
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const SameControl& group) {
      return alike && group.control.positions == control.positions &&
             group.control.multiplier == 1 && group.control.bias_multiplier == 1;
    });
    SameControl& group =
        same != groups.end() ? *same : groups.emplace_back(SameControl{std::move(control), {}, {}});
    group.uses.push_back(use);
    group.factors.push_back(alike ? use.m1 : 1);
  }
  return groups;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Probes>> Probes::Create(const Parts& parts, const Options& options) {
  std::unique_ptr<Probes> probes(new Probes(parts, options));
  STEER_RETURN_IF_ERROR(probes->ReadStates());
  if (options.interval_seconds > 0)
    probes->thread_ = std::thread([raw = probes.get()] { raw->Loop(); });
  return probes;
}

Probes::~Probes() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  stopped_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

absl::Status Probes::ReadStates() {
  STEER_ASSIGN_OR_RETURN(const std::vector<ProbeSet> sets, parts_.store->ListProbeSets());
  for (const ProbeSet& set : sets) {
    ProbeState state{.signal = set.signal, .created_unix_ms = set.created_unix_ms};
    const absl::StatusOr<PairSetSpec> pairs = ToPairSet(set);
    if (pairs.ok()) state.pairs = static_cast<int>(pairs->pairs.size());
    state.status = pairs.status();
    STEER_ASSIGN_OR_RETURN(state.first, parts_.store->FirstProbeRun(set.signal));
    STEER_ASSIGN_OR_RETURN(Page<ProbeRun> newest, parts_.store->ListProbeRuns(set.signal, 1, ""));
    if (!newest.items.empty()) state.last = std::move(newest.items.front());
    const MutexLock lock(mutex_);
    states_[set.signal] = std::move(state);
  }
  return absl::OkStatus();
}

absl::StatusOr<ProbeState> Probes::Set(const std::string& signal, const PairSetSpec& pairs) {
  STEER_RETURN_IF_ERROR(parts_.scoring->Check(pairs, {{.signal = signal}}));
  // One at a time, so that the states are those of the store.
  const MutexLock lock(mutex_);
  if (!states_.contains(signal) && states_.size() >= static_cast<size_t>(kMostProbeSets)) {
    return FieldError(absl::StatusCode::kResourceExhausted,
                      {"TOO_MANY_PROBES", "signal",
                       absl::StrCat("one more than ", kMostProbeSets, " signals with a probe set"),
                       absl::StrCat("up to ", kMostProbeSets)});
  }
  STEER_ASSIGN_OR_RETURN(
      const ProbeSet set,
      parts_.store->PutProbeSet({.signal = signal, .definition = ToDefinition(pairs)}));
  ProbeState& state = states_[signal];
  state = {.signal = signal,
           .pairs = static_cast<int>(pairs.pairs.size()),
           .created_unix_ms = set.created_unix_ms};
  return state;
}

absl::Status Probes::Delete(const std::string& signal) {
  const MutexLock lock(mutex_);
  STEER_RETURN_IF_ERROR(parts_.store->DeleteProbeSet(signal));
  states_.erase(signal);
  return absl::OkStatus();
}

std::vector<ProbeState> Probes::States() const {
  const MutexLock lock(mutex_);
  std::vector<ProbeState> states;
  for (const auto& [signal, state] : states_) states.push_back(state);
  return states;
}

double Probes::busy_seconds() const {
  const MutexLock lock(mutex_);
  return busy_seconds_;
}

bool Probes::stopping() const {
  const MutexLock lock(mutex_);
  return stopping_;
}

bool Probes::Pause(double seconds) {
  const Clock::time_point end = After(seconds);
  const MutexLock lock(mutex_);
  while (!stopping_ && stopped_.WaitUntil(mutex_, end)) {
  }
  return !stopping_;
}

bool Probes::PauseUntilIdle() {
  while (!stopping()) {
    if (parts_.live->AwaitIdle(After(kIdlePollSeconds))) return true;
  }
  return false;
}

void Probes::Loop() {
  while (Pause(options_.interval_seconds)) {
    const absl::StatusOr<std::vector<ProbeSet>> sets = parts_.store->ListProbeSets();
    if (!sets.ok()) {
      LogProbeFailure("(any)", sets.status());
      continue;
    }
    for (const ProbeSet& set : *sets) {
      if (!PauseUntilIdle()) return;
      const Clock::time_point start = Clock::now();
      absl::StatusOr<std::optional<ProbeRun>> run = MeasureAndKeep(set);
      const double took = std::chrono::duration<double>(Clock::now() - start).count();
      {
        // Together, so that whoever sees a run sees what it took.
        const MutexLock lock(mutex_);
        busy_seconds_ += took;
        Tell(set, std::move(run));
      }
      if (!Pause(took * (1 / options_.share - 1))) return;
    }
  }
}

void Probes::Tell(const ProbeSet& set, absl::StatusOr<std::optional<ProbeRun>> run) {
  if (run.ok() && !*run) return;
  const auto found = states_.find(set.signal);
  // It may have been taken away or replaced meanwhile.
  if (found == states_.end() || found->second.created_unix_ms != set.created_unix_ms || stopping_)
    return;
  ProbeState& state = found->second;
  state.status = run.status();
  if (!run.ok()) {
    ++state.failures;
    LogProbeFailure(set.signal, run.status());
    return;
  }
  ++state.runs;
  if (!state.first) state.first = *run;
  state.last = **std::move(run);
}

absl::StatusOr<std::optional<ProbeRun>> Probes::MeasureAndKeep(const ProbeSet& set) {
  STEER_ASSIGN_OR_RETURN(std::optional<ProbeRun> measured, Measure(set));
  if (!measured) return measured;
  return parts_.store->AddProbeRun(*std::move(measured));
}

absl::StatusOr<std::optional<ProbeRun>> Probes::Measure(const ProbeSet& set) {
  STEER_ASSIGN_OR_RETURN(const PairSetSpec pairs, ToPairSet(set));
  STEER_ASSIGN_OR_RETURN(const SignalRecord signal, parts_.store->Get(set.signal));
  const std::vector<SignalUse::Count> uses = parts_.use->Take(signal.id, kMostProbeMultipliers);
  if (uses.empty()) return std::optional<ProbeRun>();
  ProbeRun run{.signal = set.signal,
               .signal_id = signal.id,
               .model_fingerprint = CurveFingerprint(*parts_.model),
               .pairs = static_cast<int>(pairs.pairs.size())};
  STEER_RETURN_IF_ERROR(MeasureUses(pairs, uses, run));
  return std::optional<ProbeRun>(std::move(run));
}

absl::Status Probes::MeasureUses(const PairSetSpec& pairs,
                                 const std::vector<SignalUse::Count>& uses, ProbeRun& run) const {
  // The plain model first, then every use in the order of the groups.
  std::vector<ScorePoint> points;
  for (const SameControl& group : Group(run.signal_id, uses)) {
    ScoreSpec spec;
    static_cast<PairSetSpec&>(spec) = pairs;
    spec.controls = {group.control};
    if (points.empty()) spec.multipliers = {0};
    spec.multipliers.insert(spec.multipliers.end(), group.factors.begin(), group.factors.end());
    ScoreListener listener;
    listener.on_point = [&points](ScorePoint point) {
      points.push_back(std::move(point));
      return true;
    };
    STEER_RETURN_IF_ERROR(parts_.scoring->Score(spec, [this] { return stopping(); }, listener));
    for (const SignalUse::Count& use : group.uses)
      run.points.push_back({use.positions, use.m1, use.m2, use.uses, 0, std::nullopt});
  }
  run.plain_preference = points.front().mean.preference;
  for (size_t i = 0; i < run.points.size(); ++i)
    run.points[i].preference = points[i + 1].mean.preference;
  const absl::StatusOr<PairValues> utilities =
      ValuesOf(points, Quantity::kUtility, LossMode::kMean);
  if (utilities.ok()) {
    const std::vector<double> means = MeanOverPairs(utilities->values);
    run.plain_utility = means.front();
    for (size_t i = 0; i < run.points.size(); ++i) run.points[i].utility = means[i + 1];
  }
  std::stable_sort(run.points.begin(), run.points.end(),
                   [](const ProbePoint& a, const ProbePoint& b) { return a.uses > b.uses; });
  return absl::OkStatus();
}

}  // namespace steer
