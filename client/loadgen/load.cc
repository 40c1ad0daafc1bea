#include "client/loadgen/load.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/loadgen/background.h"
#include "client/loadgen/ingredients.h"
#include "client/loadgen/request_plan.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"

namespace steer {
namespace {

// A stream pauses so long after an error that named no delay.
constexpr int64_t kPauseAfterErrorMs = 100;

// What the streams share: how far the load has come, and what it has measured.
class Load {
 public:
  Load(const LoadOptions& options, RequestPlan plan)
      : options_(options),
        plan_(std::move(plan)),
        start_(Clock::now()),
        end_(start_ + std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(options.seconds))) {}

  LoadReport Run(Client& client) {
    std::stop_source stop_background;
    BackgroundReport background;
    absl::Status background_end;
    std::thread scorer;
    if (options_.background) {
      scorer = std::thread([&] {
        background_end = ScoreUntilStopped(client, stop_background.get_token(), background);
      });
    }
    std::vector<std::jthread> streams;
    streams.reserve(static_cast<size_t>(options_.streams));
    for (int i = 0; i < options_.streams; ++i) {
      streams.emplace_back([this, &client, i] { RunStream(client, i); });
    }
    if (options_.requests == 0) {
      std::this_thread::sleep_until(end_);
      stop_.request_stop();
    }
    for (std::jthread& stream : streams) stream.join();
    stop_background.request_stop();
    if (scorer.joinable()) scorer.join();
    const MutexLock lock(mutex_);
    report_.background = background;
    if (!background_end.ok()) ++report_.errors[ErrorKey("background score: ", background_end)];
    report_.seconds = options_.requests == 0 ? options_.seconds : SecondsSince(start_);
    report_.first_token = Summarize(first_token_);
    report_.between_tokens = Summarize(between_tokens_);
    return report_;
  }

 private:
  // What one request brought.
  struct Samples {
    int64_t tokens = 0;
    int64_t received = 0;  // as `tokens`, but also after the end
    bool cancelled = false;
    v1::Usage usage;
    std::vector<double> first_token;
    std::vector<double> between_tokens;
  };

  // True while there is another request to send.
  bool Next(int64_t* number) {
    *number = next_.fetch_add(1);
    return options_.requests == 0 ? !stop_.stop_requested() : *number < options_.requests;
  }

  void RunStream(Client& client, int stream) {
    for (int64_t number = 0; Next(&number);) {
      Samples samples;
      const PlannedRequest planned = plan_.Request(stream, number);
      const absl::Status status = client.Generate(
          planned.request,
          [&, last = Clock::now()](const v1::GenerateResponse& event) mutable {
            if (event.has_finished()) samples.usage = event.finished().usage();
            if (event.has_tokens()) Count(event.tokens().ids_size(), last, samples);
            samples.cancelled = !event.has_finished() &&
                                planned.cancel_after.value_or(INT32_MAX) <= samples.received;
            return !samples.cancelled;
          },
          stop_.get_token());
      Record(status, samples);
      if (!status.ok() && !samples.cancelled && !stop_.stop_requested()) {
        std::this_thread::sleep_for(
            std::chrono::milliseconds(RetryDelayMs(status).value_or(kPauseAfterErrorMs)));
      }
    }
  }

  void Count(int tokens, Clock::time_point& last, Samples& samples) const {
    const bool first = samples.received == 0;
    samples.received += tokens;
    const Clock::time_point now = Clock::now();
    if (tokens == 0 || (options_.requests == 0 && now > end_)) return;
    const double gap = std::chrono::duration<double>(now - std::exchange(last, now)).count();
    (first ? samples.first_token : samples.between_tokens).push_back(gap);
    samples.between_tokens.insert(samples.between_tokens.end(), tokens - 1, 0.0);
    samples.tokens += tokens;
  }

  static std::string ErrorKey(absl::string_view what, const absl::Status& status) {
    return absl::StrCat(what, absl::StatusCodeToString(status.code()), ": ", status.message());
  }

  void Record(const absl::Status& status, const Samples& samples) {
    const MutexLock lock(mutex_);
    report_.tokens += samples.tokens;
    first_token_.insert(first_token_.end(), samples.first_token.begin(), samples.first_token.end());
    between_tokens_.insert(between_tokens_.end(), samples.between_tokens.begin(),
                           samples.between_tokens.end());
    report_.prompt_tokens += samples.usage.prompt_tokens();
    report_.reused_tokens += samples.usage.reused_prompt_tokens();
    if (status.ok()) {
      ++report_.finished;
    } else if (absl::IsCancelled(status) && samples.cancelled) {
      ++report_.cancelled;
    } else if (absl::IsCancelled(status) && stop_.stop_requested()) {
      ++report_.cut_short;
    } else {
      ++report_.errors[ErrorKey("", status)];
    }
  }

  const LoadOptions& options_;
  const RequestPlan plan_;
  const Clock::time_point start_;
  const Clock::time_point end_;
  std::stop_source stop_;
  std::atomic<int64_t> next_ = 0;
  Mutex mutex_;
  LoadReport report_ ABSL_GUARDED_BY(mutex_);
  std::vector<double> first_token_ ABSL_GUARDED_BY(mutex_);
  std::vector<double> between_tokens_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<LoadReport> RunLoad(const LoadOptions& options) {
  STEER_ASSIGN_OR_RETURN(const auto client, Client::Connect(options.connection));
  STEER_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                         TextIds(*client, options.prompt_tokens, kPromptOffsets));
  LoadSignals signals;
  if (options.steered_share > 0) {
    STEER_ASSIGN_OR_RETURN(signals, LoadSignals::Upload(*client, options));
  }
  Load load(options, RequestPlan(options, std::move(ids), signals.ids()));
  LoadReport report = load.Run(*client);
  STEER_RETURN_IF_ERROR(signals.Delete(*client));
  return report;
}

}  // namespace steer
