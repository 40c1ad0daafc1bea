// Random traffic over random options: whatever comes, every promise of the scheduler is kept.
#include <algorithm>
#include <random>
#include <set>
#include <tuple>

#include "gtest/gtest.h"
#include "tests/schedule/random_options.h"
#include "tests/support/simulation.h"

namespace steer {
namespace {

// First come, first served within a class: nobody runs before all that came earlier have run or
// left. Without a prefix cache: with one, a request may wait for another's blocks.
class FifoCheck {
 public:
  void Added(RequestId id, RequestClass request_class) { classes_[id] = request_class; }
  void Check(Simulation& simulation) {
    for (const RequestId id : simulation.ids) {
      if (!started_.insert(id).second) continue;
      for (const auto& [other, request_class] : classes_) {
        if (other >= id) break;
        if (request_class != classes_[id] || simulation.Finished(other)) continue;
        EXPECT_TRUE(started_.count(other)) << id << " overtook " << other;
      }
    }
  }

 private:
  std::map<RequestId, RequestClass> classes_;
  std::set<RequestId> started_;
};

// Everything that can be asked of one request, kept to ask it again alone.
struct Asked {
  Request request;
  int added_step = 0;
  int finished_step = 0;
  ControlSet controls;  // with the multipliers that were set meanwhile
};

class Traffic {
 public:
  explicit Traffic(int seed)
      : random_(seed),
        options_(RandomOptions(random_)),
        simulation_(options_, [this](const Batch&) {
          return std::exchange(fail_next_, false) ? absl::InternalError("planted")
                                                  : absl::OkStatus();
        }) {
    simulation_.cost = [](int rows) { return 0.001 + 0.0001 * rows; };
  }

  void Run() {
    for (step_ = 0; step_ < 200; ++step_) {
      for (int n = static_cast<int>(random_() % 3); n > 0; --n) AddRequest();
      if (random_() % 10 == 0) simulation_.scheduler.Cancel(random_() % simulation_.next_id());
      if (random_() % 4 == 0) SetMultipliers();
      fail_next_ = random_() % 50 == 0;
      Step();
    }
    fail_next_ = false;
    for (; !simulation_.scheduler.idle() && step_ < 100000; ++step_) Step();
    simulation_.Drain();
    CheckWaits();
    for (const auto& [id, asked] : asked_) CheckAnswer(id, asked);
    for (const BlockPool& blocks : simulation_.scheduler.block_pools()) {
      EXPECT_LE(blocks.cached(), options_.prefix_cache ? blocks.total() : 0);
    }
  }

  // Of each entry of each step: request, begin, count, fresh, samples.
  using Trace = std::vector<std::tuple<RequestId, int, int, int, bool>>;
  const Trace& trace() const { return trace_; }
  const SchedulerCounts& counts() const { return simulation_.scheduler.counts(); }
  std::map<FinishReason, int> reasons;

 private:
  int Below(int n) { return static_cast<int>(random_() % n); }

  PositionRule RandomRule() {
    PositionRule rule;
    rule.prompt = Below(3) != 0;
    rule.generated = !rule.prompt || Below(3) != 0;
    rule.exclude_template_head = Below(3) == 0;
    return rule;
  }

  void AddRequest() {
    const RequestId id = simulation_.next_id();
    const int prompt = 1 + Below(Below(2) == 0 ? 8 : 40);
    const int more = 1 + Below(40);
    auto request = Below(4) == 0 ? ScoreRequest(id, prompt, more, simulation_.NewSink())
                                 : GenerateRequest(id, prompt, more, simulation_.NewSink());
    if (Below(5) == 0) request->request_class = RequestClass::kBackground;
    if (Below(8) == 0) request->deadline = simulation_.now + std::chrono::seconds(Below(60));
    // One of two beginnings, then something of its own.
    const int shared = Below(prompt + 1);
    for (int i = 0; i < shared; ++i) request->tokens[i] = 'a' + i % (3 + Below(50) / 49);
    if (Below(3) == 0) request->tenant = "tenant";
    request->layout.head_length = Below(prompt);
    for (const char* signal : {"s", "t"}) {
      if (Below(3) != 0) continue;
      request->controls.push_back(Steering(signal, Below(3) - 1, RandomRule()));
      if (Below(3) == 0 && !request->scoring()) {
        steer::SetMultipliers(request->controls.back(), 1 + Below(50), Below(3) - 1, Below(2));
      }
    }
    if (!request->scoring() && Below(4) == 0) request->sampling.prompt_log_probs = Below(2);
    if (!request->scoring() && Below(6) == 0) {
      for (int i = Below(request->sampling.max_tokens); i > 0; --i) request->tokens.push_back('k');
    }
    fifo_.Added(id, request->request_class);
    asked_[id] = {*request, step_, 0, request->controls};
    simulation_.Add(std::move(request));
  }

  void SetMultipliers() {
    if (asked_.empty()) return;
    const RequestId id = 1 + random_() % asked_.size();
    const size_t control = random_() % 2;
    const double m1 = Below(3) - 1;
    const double m2 = Below(3) - 1;
    Asked& asked = asked_[id];
    const bool is_known = !simulation_.Finished(id) && control < asked.controls.size();
    const std::optional<int> position = simulation_.scheduler.SetMultipliers(id, control, m1, m2);
    ASSERT_EQ(position.has_value(), is_known);
    if (!position) return;
    steer::SetMultipliers(asked.controls[control], *position, m1, m2);
    // The first position that never ran: all but the last of the tokens told did.
    const int told = static_cast<int>(simulation_.sinks[id]->tokens().size());
    if (told > 0) {
      EXPECT_EQ(*position, static_cast<int>(asked.request.tokens.size()) + told - 1);
    } else {
      EXPECT_LE(*position, static_cast<int>(asked.request.tokens.size()));
    }
  }

  void Step() {
    const Batch batch = simulation_.Step();
    // Of finished sequences nothing is left: what the batch says was read by Simulation.
    for (const Planned& planned : simulation_.planned) {
      trace_.emplace_back(planned.id, planned.begin, planned.count, planned.fresh, planned.samples);
    }
    if (!options_.prefix_cache) fifo_.Check(simulation_);
    EXPECT_LE(simulation_.scheduler.running(), options_.max_sequences);
    for (size_t group = 0; group < options_.groups.size(); ++group) {
      const BlockPool& blocks = simulation_.scheduler.block_pools()[group];
      EXPECT_LE(blocks.used() + blocks.cached(), options_.groups[group].block_count);
    }
    for (auto& [id, asked] : asked_) {
      if (asked.finished_step == 0 && simulation_.Finished(id)) asked.finished_step = step_ + 1;
    }
  }

  // A step runs at least one position, so a request that waits sees no more steps than all requests
  // that are there in its time have positions; computing again what made room at most doubles it.
  void CheckWaits() {
    for (const auto& [id, asked] : asked_) {
      int work = 0;
      for (const auto& [other_id, other] : asked_) {
        if (other.added_step > asked.finished_step || other.finished_step < asked.added_step) {
          continue;
        }
        work += other.request.layout.prompt_length + other.request.sampling.max_tokens +
                (other.request.scoring() ? static_cast<int>(other.request.tokens.size()) : 0);
      }
      EXPECT_LE(asked.finished_step - asked.added_step, 2 * work) << id;
    }
  }

  // The same alone, in a scheduler that never has to make room or find anything.
  void CheckAnswer(RequestId id, const Asked& asked) {
    const FinishedEvent event = simulation_.Event(id);
    RecordingSink& sink = *simulation_.sinks[id];
    ++reasons[event.reason];
    const bool is_answer =
        event.reason == FinishReason::kLength || event.reason == FinishReason::kScored;
    EXPECT_EQ(event.status.ok(), is_answer) << event.status;
    EXPECT_EQ(event.generated_tokens, static_cast<int>(sink.tokens().size()));
    // Everything but the last token ran; what was planned for later positions never acted.
    const int reached = asked.request.scoring() ? static_cast<int>(asked.request.tokens.size()) - 1
                                                : static_cast<int>(asked.request.tokens.size()) +
                                                      event.generated_tokens - 1;
    for (size_t i = 0; i < asked.controls.size(); ++i) {
      std::vector<MultiplierRun> acted = asked.controls[i].multipliers;
      while (acted.size() > 1 && acted.back().position >= reached) acted.pop_back();
      if (is_answer) {
        EXPECT_EQ(event.multipliers[i], acted) << id;
      } else {
        EXPECT_EQ(event.multipliers[i].front(), acted.front()) << id;
      }
    }
    SchedulerOptions options = Roomy();
    options.context_limit = options_.context_limit;
    options.prefix_cache = false;
    Simulation alone(options);
    auto request = std::make_unique<Request>(asked.request);
    request->controls = asked.controls;
    request->deadline.reset();
    request->request_class = RequestClass::kInteractive;
    const auto alone_sink = alone.NewSink();
    request->sink = alone_sink;
    alone.Add(std::move(request));
    alone.Drain();
    if (!is_answer) {
      EXPECT_EQ(alone_sink->text().substr(0, sink.text().size()), sink.text()) << id;
      return;
    }
    EXPECT_EQ(sink.text(), alone_sink->text()) << id;
    const FinishedEvent expected = alone_sink->Wait();
    EXPECT_EQ(event.forced_log_probs, expected.forced_log_probs) << id;
    ASSERT_EQ(event.steered.size(), expected.steered.size());
    for (size_t i = 0; i < event.steered.size(); ++i) {
      const SteeredTokens& steered = event.steered[i];
      EXPECT_EQ(steered.prompt, expected.steered[i].prompt) << id;
      EXPECT_EQ(steered.generated, expected.steered[i].generated) << id;
      EXPECT_LE(steered.reused, options_.prefix_cache ? steered.prompt + steered.generated : 0);
    }
    ASSERT_EQ(sink.prompts().size(), asked.request.sampling.prompt_log_probs ? 1U : 0U);
    if (!sink.prompts().empty()) {
      EXPECT_EQ(sink.prompts()[0].log_probs, alone_sink->prompts()[0].log_probs) << id;
      EXPECT_EQ(sink.prompts()[0].top.size(), alone_sink->prompts()[0].top.size()) << id;
    }
  }

  std::mt19937 random_;
  SchedulerOptions options_;
  bool fail_next_ = false;
  Simulation simulation_;
  FifoCheck fifo_;
  int step_ = 0;
  std::map<RequestId, Asked> asked_;
  Trace trace_;
};

class RandomTraffic : public ::testing::TestWithParam<int> {};

TEST_P(RandomTraffic, KeepsEveryPromise) {
  std::map<FinishReason, int> reasons;
  SchedulerCounts counts;
  for (int i = 0; i < 20; ++i) {
    const int seed = 20 * GetParam() + i;
    SCOPED_TRACE(seed);
    Traffic traffic(seed);
    traffic.Run();
    if (HasFatalFailure() || HasNonfatalFailure()) return;
    Traffic again(seed);
    again.Run();
    EXPECT_EQ(traffic.trace(), again.trace());
    for (const auto& [reason, count] : traffic.reasons) reasons[reason] += count;
    counts.preemptions += traffic.counts().preemptions;
    counts.reused_tokens += traffic.counts().reused_tokens;
  }
  // All of it was tried.
  for (const FinishReason reason :
       {FinishReason::kLength, FinishReason::kScored, FinishReason::kCancelled,
        FinishReason::kDeadline, FinishReason::kError}) {
    EXPECT_GT(reasons[reason], 20) << Name(reason);
  }
  EXPECT_GT(counts.preemptions, 40);
  EXPECT_GT(counts.reused_tokens, 1000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTraffic, ::testing::Range(0, 5));

}  // namespace
}  // namespace steer
