#include "core/runtime/engine_scorer.h"

#include <algorithm>
#include <span>
#include <thread>

#include "core/base/mutex.h"
#include "core/base/status_macros.h"
#include "core/engine/fan_out.h"

namespace steer {

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

  // Takes groups until there are none left or somebody failed.
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
  absl::Status WorkUntilDone(const Place& place) {
    // The signals as they lie on this device.
    std::vector<ControlSet> controls;
    for (const Strength& strength : strengths_) {
      controls.push_back(scorer_.controls_.Scaled(strength));
      STEER_RETURN_IF_ERROR(place.pool->Load(controls.back()));
    }
    while (const std::optional<size_t> group = Take()) {
      STEER_ASSIGN_OR_RETURN(GroupLogProbs result, RunGroup(place, groups_[*group], controls));
      const MutexLock lock(mutex_);
      on_group_(*group, std::move(result));
    }
    return absl::OkStatus();
  }

  std::optional<size_t> Take() {
    const MutexLock lock(mutex_);
    if (next_ == groups_.size() || !status_.ok()) return std::nullopt;
    return next_++;
  }

  absl::StatusOr<GroupLogProbs> RunGroup(const Place& place, const ForcedGroup& group,
                                         const std::vector<ControlSet>& controls) const {
    FanOut fan_out(place.decoder, group, controls.front());
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
    const int room = scorer_.unit_rows_ - fan_out.root_rows();
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
