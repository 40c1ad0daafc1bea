// Many callers at once, of every kind, and what must be true of them all: each answer is what it
// would have been alone, and when the last one has left nothing is held any more.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>

#include "gmock/gmock.h"
#include "tests/server/server_fixture.h"

namespace steer {
namespace {

constexpr int kStreams = 64;
constexpr int kSignals = 16;

// What one caller does. Decided by its number alone.
struct Caller {
  explicit Caller(int number) : number(number), random(number) {
    cancels = number % 3 == 0;
    cancel_after = static_cast<int>(random() % 30);
    is_slow = number % 8 == 1;
    has_deadline = number % 9 == 4 && !cancels && !is_slow;
    deadline_ms = 20 + static_cast<int>(random() % 400);
    updates = number % 8 == 3;
    deletes = number % 8 == 5;
  }

  int number;
  std::mt19937 random;
  bool cancels, is_slow, has_deadline, updates, deletes;
  int cancel_after, deadline_ms;
};

class ManyStreamsTest : public ServerTest {
 protected:
  void Prepare() override {
    options_.runtime.devices = {"cpu:0", "cpu:1"};
    options_.runtime.kv_cache_mib = 1;  // far less than all of them need at once
  }

  static float ValueOf(int signal, int version) { return 0.05f * signal + 0.4f * version + 0.1f; }

  v1::GenerateRequest RequestOf(const Caller& caller) const {
    v1::GenerateRequest request;
    std::string text;
    const int words = 2 + caller.number % 13;
    for (int i = 0; i < words; ++i) text += "the user said hello " + std::to_string(i) + " ";
    request.mutable_prompt()->set_text(text);
    v1::Sampling& sampling = *request.mutable_sampling();
    sampling.set_max_tokens(TokensOf(caller));
    sampling.set_seed(caller.number);
    sampling.set_ignore_eos(true);
    v1::Control& control = *request.add_controls();
    control.set_signal(caller.deletes ? PrivateAlias(caller) : AliasOf(caller.number % kSignals));
    control.set_multiplier(0.5 + caller.number % 4);
    return request;
  }
  // Long enough that sequences outgrow the room in which they started.
  static int TokensOf(const Caller& caller) { return 120 + caller.number % 40; }
  static std::string AliasOf(int signal) { return "signal" + std::to_string(signal); }
  static std::string PrivateAlias(const Caller& caller) {
    return "private" + std::to_string(caller.number);
  }
  static float PrivateValue(const Caller& caller) { return 5.0f + 0.1f * caller.number; }

  // Runs a caller's stream to its end.
  Answer Run(Caller& caller) {
    Answer answer;
    grpc::ClientContext context;
    if (caller.has_deadline) {
      context.set_deadline(std::chrono::system_clock::now() +
                           std::chrono::milliseconds(caller.deadline_ms));
    }
    const auto reader = generation_->Generate(&context, RequestOf(caller));
    v1::GenerateResponse response;
    while (reader->Read(&response)) {
      Add(response, answer);
      if (answer.messages == 2) AfterTheFirstToken(caller, answer);
      if (caller.cancels && answer.messages > caller.cancel_after) context.TryCancel();
    }
    answer.status = reader->Finish();
    return answer;
  }

  void AfterTheFirstToken(Caller& caller, const Answer& answer) {
    if (caller.updates) {
      v1::UpdateGenerationRequest update;
      update.set_request_id(answer.started.request_id());
      update.set_signal(AliasOf(caller.number % kSignals));
      update.set_multiplier(-1.5);
      v1::UpdateGenerationResponse updated;
      grpc::ClientContext context;
      const grpc::Status status = generation_->UpdateGeneration(&context, update, &updated);
      EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::NOT_FOUND)
          << status.error_message();
    }
    if (caller.deletes) DeleteAll(PrivateAlias(caller));
    if (caller.is_slow) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return may_read_on_; });
    }
  }

  void DeleteAll(const std::string& alias) {
    grpc::ClientContext get_context, delete_context;
    v1::GetSignalRequest get;
    get.set_signal(alias);
    v1::Signal signal;
    ASSERT_TRUE(signals_->GetSignal(&get_context, get, &signal).ok()) << alias;
    v1::DeleteSignalRequest remove;
    remove.set_signal_id(signal.id());
    remove.set_with_aliases(true);
    v1::DeleteSignalResponse removed;
    EXPECT_TRUE(signals_->DeleteSignal(&delete_context, remove, &removed).ok()) << alias;
  }

  // Moves all aliases to and fro, expecting the version it last saw; answers how many moves took.
  int MoveAliases(const std::vector<std::vector<std::string>>& ids, int seed) {
    std::mt19937 random(seed);
    std::vector<int64_t> versions(kSignals, 1);
    int moved = 0;
    while (!all_started_) {
      const int signal = static_cast<int>(random() % kSignals);
      v1::SetAliasRequest request;
      request.set_name(AliasOf(signal));
      request.set_signal(ids[signal][random() % 2]);
      request.set_expected_version(versions[signal]);
      v1::Alias alias;
      grpc::ClientContext context;
      const grpc::Status status = signals_->SetAlias(&context, request, &alias);
      if (status.ok()) {
        ++moved;
        versions[signal] = alias.version();
        continue;
      }
      EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED) << status.error_message();
      versions[signal] = VersionOf(signal);
    }
    return moved;
  }
  int64_t VersionOf(int signal) {
    v1::ListAliasesRequest request;
    request.set_page_size(1000);
    v1::ListAliasesResponse aliases;
    grpc::ClientContext context;
    EXPECT_TRUE(signals_->ListAliases(&context, request, &aliases).ok());
    for (const v1::Alias& alias : aliases.aliases()) {
      if (alias.name() == AliasOf(signal)) return alias.version();
    }
    ADD_FAILURE() << "no alias " << AliasOf(signal);
    return 0;
  }

  // The same request with exactly what the receipt says, while nobody else is there.
  Answer Replay(const Caller& caller, const Answer& answer) {
    v1::GenerateRequest request = RequestOf(caller);
    const v1::AppliedControl& applied = answer.finished.receipt().controls(0);
    v1::Control& control = *request.mutable_controls(0);
    control.set_signal(applied.control().signal_id());
    control.set_multiplier(applied.control().multiplier());
    control.set_bias_multiplier(applied.control().bias_multiplier());
    *control.mutable_changes() = applied.changes();
    return Generate(request);
  }

  bool AtRest() const {
    for (const PoolStats& pool : runtime_->pools()) {
      const EngineStats& engine = pool.engine;
      if (engine.running != 0 || engine.waiting != 0 || engine.kv_blocks_used != 0) return false;
      if (pool.in_flight != 0 || pool.signals_lingering != 0) return false;
    }
    return runtime_->in_flight() == 0;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool may_read_on_ = false;
  std::atomic<bool> all_started_{false};
};

TEST_F(ManyStreamsTest, EveryAnswerIsAsIfAloneAndNothingIsLeft) {
  std::vector<std::vector<std::string>> ids;
  for (int signal = 0; signal < kSignals; ++signal) {
    ids.push_back({RegisterVector(ValueOf(signal, 0), AliasOf(signal)),
                   RegisterVector(ValueOf(signal, 1), "")});
  }
  std::vector<Caller> callers;
  for (int i = 0; i < kStreams; ++i) callers.emplace_back(i);
  for (const Caller& caller : callers) {
    if (caller.deletes) RegisterVector(PrivateValue(caller), PrivateAlias(caller));
  }

  std::vector<Answer> answers(kStreams);
  std::vector<std::thread> threads;
  std::atomic<int> quick{0};
  int quick_in_all = 0;
  for (Caller& caller : callers) {
    quick_in_all += caller.is_slow ? 0 : 1;
    threads.emplace_back([&] {
      answers[caller.number] = Run(caller);
      if (!caller.is_slow) ++quick;
    });
  }
  std::vector<int> moved(2);
  std::vector<std::thread> movers;
  for (int mover = 0; mover < 2; ++mover) {
    movers.emplace_back([&, mover] { moved[mover] = MoveAliases(ids, mover); });
  }
  // The slow ones have not read on, and keep nobody from ending.
  while (quick < quick_in_all) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  all_started_ = true;
  {
    const std::unique_lock lock(mutex_);
    may_read_on_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads) thread.join();
  for (std::thread& mover : movers) mover.join();

  // Moves that took are moves that count: none was lost, however they crossed.
  int64_t versions = 0;
  for (int signal = 0; signal < kSignals; ++signal) versions += VersionOf(signal) - 1;
  EXPECT_EQ(versions, moved[0] + moved[1]);
  EXPECT_GT(versions, 0);

  const Clock::time_point patience = Clock::now() + std::chrono::seconds(30);
  while (!AtRest() && Clock::now() < patience) std::this_thread::yield();
  EXPECT_TRUE(AtRest());

  int whole = 0, preemptions = 0, changed = 0;
  for (const Caller& caller : callers) {
    const Answer& answer = answers[caller.number];
    if (!answer.status.ok()) {
      const auto code = answer.status.error_code();
      EXPECT_TRUE((caller.cancels && code == grpc::StatusCode::CANCELLED) ||
                  (caller.has_deadline && code == grpc::StatusCode::DEADLINE_EXCEEDED))
          << caller.number << ": " << answer.status.error_message();
      continue;
    }
    ++whole;
    preemptions += answer.finished.receipt().preemptions();
    changed += answer.finished.receipt().controls(0).changes_size();
    EXPECT_EQ(answer.finished.usage().generated_tokens(), TokensOf(caller));
    if (caller.deletes) RegisterVector(PrivateValue(caller), "");  // the same content, the same id
    const Answer alone = Replay(caller, answer);
    ASSERT_TRUE(alone.status.ok()) << alone.status.error_message();
    EXPECT_EQ(alone.ids, answer.ids) << caller.number;
    EXPECT_EQ(alone.text, answer.text) << caller.number;
  }
  EXPECT_GE(whole, kStreams / 2);
  EXPECT_GT(preemptions, 0);
  EXPECT_GT(changed, 0);
}

}  // namespace
}  // namespace steer
