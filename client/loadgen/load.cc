#include "client/loadgen/load.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/loadgen/ingredients.h"
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
  Load(const LoadOptions& options, std::vector<int32_t> ids, std::vector<std::string> signals)
      : options_(options),
        ids_(std::move(ids)),
        signals_(std::move(signals)),
        start_(Clock::now()),
        end_(start_ + std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(options.seconds))) {}

  LoadReport Run(Client& client) {
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
    const MutexLock lock(mutex_);
    report_.seconds = options_.requests == 0 ? options_.seconds : SecondsSince(start_);
    report_.first_token = Summarize(first_token_);
    report_.between_tokens = Summarize(between_tokens_);
    return report_;
  }

 private:
  struct Samples {
    int64_t tokens = 0;
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
      const absl::Status status = client.Generate(
          Request(stream, number),
          [&, last = Clock::now(), first = true](const v1::GenerateResponse& event) mutable {
            const int tokens = event.tokens().ids_size();
            if (tokens == 0) return true;
            const Clock::time_point now = Clock::now();
            if (options_.requests == 0 && now > end_) return true;
            const double gap =
                std::chrono::duration<double>(now - std::exchange(last, now)).count();
            (first ? samples.first_token : samples.between_tokens).push_back(gap);
            first = false;
            samples.between_tokens.insert(samples.between_tokens.end(), tokens - 1, 0.0);
            samples.tokens += tokens;
            return true;
          },
          stop_.get_token());
      Record(status, samples);
      if (!status.ok() && !stop_.stop_requested()) {
        std::this_thread::sleep_for(
            std::chrono::milliseconds(RetryDelayMs(status).value_or(kPauseAfterErrorMs)));
      }
    }
  }

  v1::GenerateRequest Request(int stream, int64_t number) const {
    v1::GenerateRequest request;
    // Different prompts: an equal one may be found in the server's cache.
    const auto offset = static_cast<size_t>(number) % (ids_.size() - options_.prompt_tokens);
    request.mutable_prompt()->mutable_tokens()->mutable_ids()->Add(
        ids_.begin() + offset, ids_.begin() + offset + options_.prompt_tokens);
    v1::Sampling& sampling = *request.mutable_sampling();
    sampling.set_max_tokens(options_.max_tokens);
    sampling.set_temperature(options_.temperature);
    sampling.set_seed(options_.seed + static_cast<uint64_t>(number));
    // Streams 0, 1, … are spread evenly: of the first k, round(k * share) are steered.
    const auto steered = [&](int streams) {
      return static_cast<int64_t>(std::llround(streams * options_.steered_share));
    };
    if (!signals_.empty() && steered(stream + 1) > steered(stream)) {
      v1::Control& control = *request.add_controls();
      control.set_signal(signals_[steered(stream) % signals_.size()]);
      control.set_multiplier(options_.multiplier);
    }
    return request;
  }

  void Record(const absl::Status& status, const Samples& samples) {
    const MutexLock lock(mutex_);
    report_.tokens += samples.tokens;
    first_token_.insert(first_token_.end(), samples.first_token.begin(), samples.first_token.end());
    between_tokens_.insert(between_tokens_.end(), samples.between_tokens.begin(),
                           samples.between_tokens.end());
    if (status.ok()) {
      ++report_.finished;
    } else if (absl::IsCancelled(status) && stop_.stop_requested()) {
      ++report_.cut_short;
    } else {
      ++report_
            .errors[absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message())];
    }
  }

  const LoadOptions& options_;
  const std::vector<int32_t> ids_;
  const std::vector<std::string> signals_;
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
  constexpr int kOffsets = 97;
  STEER_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                         TextIds(*client, options.prompt_tokens, kOffsets));
  LoadSignals signals;
  if (options.steered_share > 0) {
    STEER_ASSIGN_OR_RETURN(signals, LoadSignals::Upload(*client, options));
  }
  Load load(options, std::move(ids), signals.ids());
  LoadReport report = load.Run(*client);
  STEER_RETURN_IF_ERROR(signals.Delete(*client));
  return report;
}

}  // namespace steer
