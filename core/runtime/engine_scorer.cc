#include "core/runtime/engine_scorer.h"

#include <algorithm>
#include <span>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/status_macros.h"
#include "core/engine/fan_out.h"

namespace steer {
namespace {

// More groups at once would share little more, and tell of themselves late.
constexpr size_t kMostGroups = 16;

}  // namespace

// One call of Score: what its places share.
class EngineScorer::Call {
 public:
  Call(const EngineScorer& scorer, const std::vector<ForcedGroup>& groups,
       const std::vector<Strength>& strengths, const std::function<bool()>& cancelled,
       const std::function<void(size_t, GroupLogProbs)>& on_group)
      : scorer_(scorer),
        groups_(groups),
        strengths_(strengths),
        cancelled_(cancelled),
        on_group_(on_group) {}

  // Takes bundles until there are no groups left or somebody failed.
  void Work(const Place& place) {
    absl::Status status = WorkUntilDone(place);
    const MutexLock lock(mutex_);
    status_.Update(std::move(status));
  }

  absl::Status status() {
    const MutexLock lock(mutex_);
    return status_;
  }

 private:
  // Groups that are fanned out together.
  struct Bundle {
    size_t first = 0;
    size_t count = 1;
    FanOut fan_out;
  };

  absl::Status WorkUntilDone(const Place& place) {
    // The signals as they lie on this device.
    std::vector<ControlSet> controls;
    for (const Strength& strength : strengths_) {
      controls.push_back(scorer_.controls_.Scaled(strength));
      STEER_RETURN_IF_ERROR(place.pool->Load(controls.back()));
    }
    while (std::optional<Bundle> bundle = Take(place, controls.front())) {
      STEER_ASSIGN_OR_RETURN(const GroupLogProbs result, Run(place, bundle->fan_out, controls));
      Tell(*bundle, result);
    }
    return absl::OkStatus();
  }

  // As many of the next groups as one strength of them fits into a unit: what they begin with in
  // common is computed once for them all. One group while somebody waits for tokens of this device.
  std::optional<Bundle> Take(const Place& place, const ControlSet& controls) {
    const MutexLock lock(mutex_);
    if (next_ == groups_.size() || !status_.ok()) return std::nullopt;
    Bundle bundle{.first = next_++, .fan_out = {place.decoder, groups_[bundle.first], controls}};
    std::vector<ForcedText> texts = groups_[bundle.first];
    const size_t most = place.pool->in_flight() > 0 ? 1 : kMostGroups;
    while (next_ < groups_.size() && bundle.count < most) {
      texts.insert(texts.end(), groups_[next_].begin(), groups_[next_].end());
      FanOut more(place.decoder, texts, controls);
      if (more.plain_rows() + more.rows_per_strength() > scorer_.unit_rows_) break;
      bundle.fan_out = std::move(more);
      ++bundle.count;
      ++next_;
    }
    return bundle;
  }

  // `result`: [strength][text of the bundle's groups].
  void Tell(const Bundle& bundle, const GroupLogProbs& result) {
    size_t text = 0;
    for (size_t group = bundle.first; group < bundle.first + bundle.count; ++group) {
      const size_t end = text + groups_[group].size();
      GroupLogProbs own;
      for (const std::vector<ForcedLogProbs>& strength : result)
        own.emplace_back(strength.begin() + text, strength.begin() + end);
      text = end;
      const MutexLock lock(mutex_);
      on_group_(group, std::move(own));
    }
  }

  absl::StatusOr<GroupLogProbs> Run(const Place& place, FanOut& fan_out,
                                    const std::vector<ControlSet>& controls) const {
    STEER_RETURN_IF_ERROR(RunUnit(place, [&] { return fan_out.RunShared(); }));
    GroupLogProbs result;
    for (size_t begin = 0; begin < controls.size();) {
      const size_t count = std::min(controls.size() - begin, StrengthsAtOnce(place, fan_out));
      STEER_RETURN_IF_ERROR(RunUnit(place, [&]() -> absl::Status {
        STEER_ASSIGN_OR_RETURN(GroupLogProbs part,
                               fan_out.Run(std::span(controls).subspan(begin, count)));
        std::move(part.begin(), part.end(), std::back_inserter(result));
        return absl::OkStatus();
      }));
      begin += count;
    }
    return result;
  }

  absl::Status RunUnit(const Place& place, const Engine::Unit& unit) const {
    if (cancelled_()) return absl::CancelledError("scoring was cancelled");
    return place.pool->engine().RunUnit(unit);
  }

  // As many as a unit has room for; one while somebody waits for tokens of this device.
  size_t StrengthsAtOnce(const Place& place, const FanOut& fan_out) const {
    if (place.pool->in_flight() > 0) return 1;
    const int room = scorer_.unit_rows_ - fan_out.plain_rows();
    return static_cast<size_t>(std::max(1, room / std::max(1, fan_out.rows_per_strength())));
  }

  const EngineScorer& scorer_;
  const std::vector<ForcedGroup>& groups_;
  const std::vector<Strength>& strengths_;
  const std::function<bool()>& cancelled_;
  const std::function<void(size_t, GroupLogProbs)>& on_group_;
  Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

absl::Status EngineScorer::Score(const std::vector<ForcedGroup>& groups,
                                 const std::vector<Strength>& strengths,
                                 const std::function<bool()>& cancelled,
                                 const std::function<void(size_t, GroupLogProbs)>& on_group) {
  if (groups.empty() || strengths.empty()) return absl::OkStatus();
  Call call(*this, groups, strengths, cancelled, on_group);
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(places_.size(), groups.size()); ++i)
    others.emplace_back([&call, &place = places_[i]] { call.Work(place); });
  call.Work(places_.front());
  for (std::thread& other : others) other.join();
  return call.status();
}

}  // namespace steer
