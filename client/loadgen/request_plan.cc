#include "client/loadgen/request_plan.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

namespace steer {
namespace {

// So many drawn tokens make two prompts of a load differ for certain, as good as.
constexpr int kDrawnTokens = 4;

}  // namespace

RequestPlan::RequestPlan(const LoadOptions& options, std::vector<int32_t> ids,
                         std::vector<std::string> signals)
    : options_(options), ids_(std::move(ids)), signals_(std::move(signals)) {}

PlannedRequest RequestPlan::Request(int stream, int64_t number) const {
  std::seed_seq seeds{options_.seed & 0xFFFFFFFF, options_.seed >> 32,
                      static_cast<uint64_t>(number) & 0xFFFFFFFF,
                      static_cast<uint64_t>(number) >> 32};
  std::mt19937_64 random(seeds);
  // Not a distribution of the library: those differ between libraries.
  const auto draw = [&](size_t below) { return static_cast<size_t>(random() % below); };

  PlannedRequest planned;
  v1::GenerateRequest& request = planned.request;
  auto& prompt = *request.mutable_prompt()->mutable_tokens()->mutable_ids();
  prompt.Add(ids_.begin(), ids_.begin() + options_.shared_prefix);
  const int drawn = std::min(kDrawnTokens, options_.prompt_tokens - options_.shared_prefix);
  for (int i = 0; i < drawn; ++i) prompt.Add(ids_[draw(ids_.size())]);
  const int rest = options_.prompt_tokens - prompt.size();
  const auto begin = ids_.begin() + static_cast<int64_t>(draw(kPromptOffsets));
  prompt.Add(begin, begin + rest);

  v1::Sampling& sampling = *request.mutable_sampling();
  sampling.set_max_tokens(options_.max_tokens);
  sampling.set_ignore_eos(options_.ignore_eos);
  sampling.set_temperature(options_.temperature);
  sampling.set_seed(options_.seed + static_cast<uint64_t>(number));
  // Streams 0, 1, … are spread evenly: of the first k, round(k * share) are steered.
  const auto steered = [&](int streams) {
    return static_cast<int64_t>(std::llround(streams * options_.steered_share));
  };
  if (!signals_.empty() && steered(stream + 1) > steered(stream)) {
    v1::Control& control = *request.add_controls();
    control.set_signal(signals_[static_cast<size_t>(steered(stream)) % signals_.size()]);
    control.set_multiplier(options_.multiplier);
  }
  constexpr size_t kSteps = size_t{1} << 30;
  if (static_cast<double>(draw(kSteps)) < options_.cancelled_share * static_cast<double>(kSteps)) {
    planned.cancel_after = static_cast<int>(draw(static_cast<size_t>(options_.max_tokens)));
  }
  return planned;
}

}  // namespace steer
