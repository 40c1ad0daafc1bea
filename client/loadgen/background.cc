#include "client/loadgen/background.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace steer {
namespace {

// Small enough to end a few times in a load of some seconds, large enough to keep a server busy.
constexpr int kPairs = 32;

v1::ScoreRequest Pairs() {
  v1::ScoreRequest request;
  for (int i = 1; i <= kPairs; ++i) {
    v1::PolarPair& pair = *request.add_pairs();
    pair.set_question(absl::StrCat("The boat came in on day ", i, ". How was the catch?"));
    pair.set_positive("It was a good one: the nets were full, and nobody was hurt.");
    pair.set_negative("It was a poor one: the nets were empty, and one of them tore.");
  }
  request.set_omit_pairs(true);
  return request;
}

}  // namespace

absl::Status ScoreUntilStopped(Client& client, const std::stop_token& stop,
                               BackgroundReport& report) {
  const v1::ScoreRequest request = Pairs();
  while (!stop.stop_requested()) {
    const absl::Status status = client.Score(request, {}, stop).status();
    if (absl::IsCancelled(status) && stop.stop_requested()) break;
    if (!status.ok()) return status;
    ++report.scores;
    report.pairs += request.pairs_size();
  }
  return absl::OkStatus();
}

}  // namespace steer
