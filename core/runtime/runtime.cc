#include "core/runtime/runtime.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "ATen/ATen.h"
#include "ATen/Parallel.h"
#include "absl/strings/str_cat.h"
#include "core/base/catch_torch.h"
#include "core/base/status.h"
#include "core/base/status_macros.h"
#include "core/engine/model_runner.h"
#include "core/runtime/activation_reader.h"
#include "core/runtime/admission.h"
#include "core/runtime/engine_scorer.h"
#include "core/runtime/resident_model.h"
#include "core/store/formats/native.h"
#include "core/tokenizer/detokenizer.h"

namespace steer {
namespace {

constexpr int kBlockSize = 16;      // positions per KV block
constexpr int kMaxInFlight = 1024;  // generation requests, waiting and running
constexpr int64_t kRetryDelayMs = 1000;
constexpr int64_t kResidentBudget = int64_t{1} << 30;  // bytes of signals on the device

// Passes everything on and counts the request out when it has finished.
class CountingSink final : public EventSink {
 public:
  CountingSink(std::shared_ptr<EventSink> inner, std::atomic<int>* in_flight)
      : inner_(std::move(inner)), in_flight_(in_flight) {}
  void OnToken(TokenEvent event) override { inner_->OnToken(std::move(event)); }
  void OnFinished(FinishedEvent event) override {
    inner_->OnFinished(std::move(event));
    --*in_flight_;
  }

 private:
  const std::shared_ptr<EventSink> inner_;
  std::atomic<int>* const in_flight_;
};

}  // namespace

class Runtime::Impl {
 public:
  absl::Status Load(const RuntimeOptions& options);
  absl::Status WarmUp();
  absl::StatusOr<Admitted> Generate(const GenerateSpec& spec, std::shared_ptr<EventSink> sink);
  absl::StatusOr<std::vector<TokenPair>> ScoredPairs(const ScoreSpec& spec) const;
  absl::StatusOr<JobRecord> StartJob(const LearnSpec& spec);

  ResidentModel model;
  std::unique_ptr<SignalStore> store;
  std::unique_ptr<ResidentSignals> resident;
  std::unique_ptr<Admission> admission;
  std::unique_ptr<Engine> engine;  // before jobs: jobs run units on it and are destroyed first
  std::unique_ptr<JobQueue> jobs;
  std::atomic<RequestId> next_id{1};
  std::atomic<int> in_flight{0};
  std::atomic<bool> draining{false};
  int64_t kv_cache_bytes = 0;

 private:
  absl::Status StartEngine(const RuntimeOptions& options);
  absl::StatusOr<JobOutcome> LearnVector(const LearnSpec& spec, int layer,
                                         const std::vector<ContrastPair>& pairs,
                                         JobContext& context);
};

absl::Status Runtime::Impl::Load(const RuntimeOptions& options) {
  for (const auto& [name, value] : {std::pair("step_tokens", options.step_tokens),
                                    std::pair("max_sequences", options.max_sequences)}) {
    if (value < 1) return InvalidField(name, absl::StrCat(value), "1 or more");
  }
  if (options.threads > 0) at::set_num_threads(options.threads);
  STEER_ASSIGN_OR_RETURN(model, ResidentModel::Load(options));
  std::error_code error;
  std::filesystem::create_directories(options.state_directory, error);
  if (error) {
    return InvalidField("state_directory",
                        absl::StrCat("'", options.state_directory, "': ", error.message()),
                        "a directory that can be made and written");
  }
  STEER_ASSIGN_OR_RETURN(store, OpenSqliteStore(options.state_directory));
  resident =
      std::make_unique<ResidentSignals>(store.get(), model.info.shape, model.decoder->dtype(),
                                        model.decoder->device(), kResidentBudget);
  STEER_RETURN_IF_ERROR(StartEngine(options));
  jobs = std::make_unique<JobQueue>();
  return WarmUp();
}

absl::Status Runtime::Impl::StartEngine(const RuntimeOptions& options) {
  const ModelConfig& config = model.decoder->config();
  const int64_t block_bytes = KvCache::BlockBytes(config, kBlockSize, model.decoder->dtype());
  const int64_t blocks =
      std::min<int64_t>(options.kv_cache_mib * (int64_t{1} << 20) / block_bytes, 1 << 24);
  if (blocks < 1) {
    return InvalidField("kv_cache_mib", absl::StrCat(options.kv_cache_mib),
                        absl::StrCat("at least ", block_bytes / (1 << 20) + 1, " for this model"));
  }
  using Cache = absl::StatusOr<std::unique_ptr<KvCache>>;
  STEER_ASSIGN_OR_RETURN(
      std::unique_ptr<KvCache> cache, CatchTorch("allocating the KV cache", [&]() -> Cache {
        return std::make_unique<KvCache>(config, static_cast<int>(blocks), kBlockSize,
                                         model.decoder->dtype(), model.decoder->device());
      }));
  kv_cache_bytes = cache->bytes();
  const int positions =
      static_cast<int>(std::min<int64_t>(config.context_limit, blocks * kBlockSize));
  admission = std::make_unique<Admission>(config, model.info.marks, model.tokenizer.get(),
                                          model.chat.get(), store.get(), resident.get(),
                                          Admission::Limits{.positions = positions});
  model.info.context_limit = positions;
  engine = std::make_unique<Engine>(
      SchedulerOptions{.step_tokens = options.step_tokens,
                       .max_sequences = options.max_sequences,
                       .block_size = kBlockSize,
                       .block_count = static_cast<int>(blocks),
                       .context_limit = positions},
      model.tokenizer.get(),
      std::make_unique<ModelRunner>(model.decoder, std::move(cache), kBlockSize));
  return absl::OkStatus();
}

absl::Status Runtime::Impl::WarmUp() {
  EngineScorer scorer(engine.get(), &next_id, PreparedControls());
  ForcedText text;
  text.tokens = {0, 0, 0};
  text.layout.prompt_length = 1;
  const auto result = scorer.LogProbs({text}, 1.0, [] { return false; });
  return Annotate(result.status(), "warm-up step");
}

absl::StatusOr<Admitted> Runtime::Impl::Generate(const GenerateSpec& spec,
                                                 std::shared_ptr<EventSink> sink) {
  if (draining) return absl::UnavailableError("the server is draining; try another replica");
  Admitted admitted;
  admitted.sampling = spec.sampling;
  if (!spec.seed_given) admitted.sampling.seed = std::random_device{}();
  STEER_RETURN_IF_ERROR(Validate(admitted.sampling));
  STEER_ASSIGN_OR_RETURN(PreparedPrompt prompt, admission->Prompt(spec.prompt));
  admitted.prompt_tokens = prompt.layout.prompt_length;
  STEER_RETURN_IF_ERROR(admission->CheckLength(admitted.prompt_tokens, admitted.sampling));
  STEER_ASSIGN_OR_RETURN(PreparedControls controls, admission->Controls(spec.controls));
  admitted.controls = std::move(controls.resolved);
  admitted.model_fingerprint = model.info.fingerprint;

  if (++in_flight > kMaxInFlight) {
    --in_flight;
    absl::Status full = FieldError(
        absl::StatusCode::kResourceExhausted,
        {"QUEUE_FULL", "request", absl::StrCat("more than ", kMaxInFlight, " requests in flight"),
         "a retry after the delay"});
    SetRetryDelayMs(full, kRetryDelayMs);
    return full;
  }
  auto request = std::make_unique<Request>();
  request->id = next_id++;
  request->tokens = std::move(prompt.tokens);
  request->layout = prompt.layout;
  request->sampling = admitted.sampling;
  request->end_tokens = model.tokenizer->end_tokens();
  request->controls = std::move(controls.set);
  request->deadline = spec.deadline;
  request->arrival = Clock::now();
  request->sink = std::make_shared<CountingSink>(std::move(sink), &in_flight);
  admitted.id = request->id;
  engine->Submit(std::move(request));
  return admitted;
}

absl::StatusOr<std::vector<TokenPair>> Runtime::Impl::ScoredPairs(const ScoreSpec& spec) const {
  const bool raw = spec.raw || !admission->has_chat_template();
  return admission->Pairs(
      spec.pairs,
      {.system = spec.system, .raw = raw, .end_of_turn = spec.end_of_turn.value_or(!raw)});
}

absl::StatusOr<JobRecord> Runtime::Impl::StartJob(const LearnSpec& spec) {
  if (draining) return absl::UnavailableError("the server is draining; try another replica");
  if (spec.layer >= model.info.shape.layers) {
    return InvalidField("difference_of_means.layer", absl::StrCat(spec.layer),
                        absl::StrCat("0..", model.info.shape.layers - 1));
  }
  const int layer = spec.layer < 0 ? model.info.shape.layers / 2 : spec.layer;
  // As the method's own code does it: the answer without the end-of-turn suffix.
  STEER_ASSIGN_OR_RETURN(const std::vector<TokenPair> pairs,
                         admission->Pairs(spec.pairs, {.system = spec.system,
                                                       .raw = !admission->has_chat_template(),
                                                       .end_of_turn = false}));
  std::vector<ContrastPair> contrast;
  contrast.reserve(pairs.size());
  for (const TokenPair& pair : pairs) contrast.push_back({pair.positive, pair.negative});
  return jobs->Start("difference_of_means",
                     [this, spec, layer, contrast = std::move(contrast)](JobContext& context) {
                       return LearnVector(spec, layer, contrast, context);
                     });
}

absl::StatusOr<JobOutcome> Runtime::Impl::LearnVector(const LearnSpec& spec, int layer,
                                                      const std::vector<ContrastPair>& pairs,
                                                      JobContext& context) {
  STEER_ASSIGN_OR_RETURN(
      DifferenceOfMeansResult learnt,
      LearnDifferenceOfMeans(pairs, layer, MakeActivationReader(engine.get(), model.decoder),
                             [&](int done, int total) { return context.Progress(done, total); }));
  SignalData signal;
  signal.kind = SignalKind::kVector;
  signal.updates.push_back(
      {.site = {layer, SiteKind::kBlockOut}, .read = Read::kSiteInput, .tensors = {}});
  signal.updates[0].tensors.emplace("v", std::move(learnt.v));
  signal.marks = model.info.marks;
  signal.default_positions.exclude_template_head = admission->has_chat_template();
  STEER_RETURN_IF_ERROR(Validate(signal, model.info.shape));
  STEER_ASSIGN_OR_RETURN(const SignalStore::PutResult put,
                         store->Put(signal, spec.labels, spec.description));
  if (!spec.alias.empty()) {
    STEER_RETURN_IF_ERROR(store->SetAlias(spec.alias, put.record.id, std::nullopt).status());
  }
  return JobOutcome{.signal_id = put.record.id,
                    .results = {{"layer", layer},
                                {"norm", learnt.norm},
                                {"mean_activation_norm", learnt.mean_activation_norm},
                                {"pairs", learnt.pairs}}};
}

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Create(const RuntimeOptions& options) {
  auto impl = std::make_unique<Impl>();
  STEER_RETURN_IF_ERROR(impl->Load(options));
  return std::unique_ptr<Runtime>(new Runtime(std::move(impl)));
}

absl::StatusOr<Admitted> Runtime::Generate(const GenerateSpec& spec,
                                           std::shared_ptr<EventSink> sink) {
  return impl_->Generate(spec, std::move(sink));
}

void Runtime::Cancel(RequestId id) { impl_->engine->Cancel(id); }

absl::StatusOr<SignalStore::PutResult> Runtime::RegisterSignal(
    std::span<const std::byte> file, std::map<std::string, std::string> labels,
    std::string description) {
  STEER_ASSIGN_OR_RETURN(const SignalData signal, ParseNative(file));
  if (!signal.marks.shape.empty() && signal.marks.shape != impl_->model.info.marks.shape) {
    return FieldError(
        absl::StatusCode::kFailedPrecondition,
        {"OTHER_MODEL", "model_shape", signal.marks.shape,
         absl::StrCat(impl_->model.info.marks.shape, ", the resident model's, or none")});
  }
  STEER_RETURN_IF_ERROR(Validate(signal, impl_->model.info.shape));
  return impl_->store->Put(signal, std::move(labels), std::move(description));
}

SignalStore& Runtime::signals() { return *impl_->store; }

absl::Status Runtime::DeleteSignal(absl::string_view id, bool with_aliases) {
  STEER_RETURN_IF_ERROR(impl_->store->Delete(id, with_aliases));
  impl_->resident->Drop(std::string(id));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ResolvedControl>> Runtime::Resolve(
    const std::vector<ControlSpec>& controls) {
  STEER_ASSIGN_OR_RETURN(PreparedControls prepared, impl_->admission->Controls(controls));
  return std::move(prepared.resolved);
}

absl::Status Runtime::Score(const ScoreSpec& spec, const std::function<bool()>& cancelled,
                            const std::function<bool(ScorePoint)>& on_point) {
  if (impl_->draining) return absl::UnavailableError("the server is draining; try another replica");
  STEER_ASSIGN_OR_RETURN(const std::vector<TokenPair> pairs, impl_->ScoredPairs(spec));
  STEER_ASSIGN_OR_RETURN(PreparedControls controls, impl_->admission->Controls(spec.controls));
  for (size_t i = 0; i < spec.multipliers.size(); ++i) {
    STEER_RETURN_IF_ERROR(impl_->admission->CheckFactor(controls, spec.multipliers[i],
                                                        absl::StrCat("multipliers[", i, "]")));
  }
  EngineScorer scorer(impl_->engine.get(), &impl_->next_id, std::move(controls));
  return ScorePairs(scorer, pairs, spec.multipliers, cancelled, on_point);
}

absl::StatusOr<JobRecord> Runtime::StartJob(const LearnSpec& spec) { return impl_->StartJob(spec); }
JobQueue& Runtime::jobs() { return *impl_->jobs; }
const ModelInfo& Runtime::model() const { return impl_->model.info; }

absl::StatusOr<TokenizedText> Runtime::Tokenize(const PromptSpec& prompt) const {
  STEER_ASSIGN_OR_RETURN(PreparedPrompt prepared, impl_->admission->Prompt(prompt));
  TokenizedText text;
  text.head_length = prepared.layout.head_length;
  for (const TokenId token : prepared.tokens) {
    text.pieces.push_back(impl_->model.tokenizer->Bytes(token, /*with_special=*/true));
  }
  text.tokens = std::move(prepared.tokens);
  return text;
}

absl::StatusOr<std::string> Runtime::Detokenize(const std::vector<TokenId>& tokens,
                                                bool with_special) const {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && tokens[i] < impl_->model.info.vocabulary) continue;
    return InvalidField(absl::StrCat("ids[", i, "]"), absl::StrCat(tokens[i]),
                        absl::StrCat("0..", impl_->model.info.vocabulary - 1));
  }
  return steer::Detokenize(*impl_->model.tokenizer, tokens, with_special);
}

RuntimeStats Runtime::stats() const {
  return {.engine = impl_->engine->stats(),
          .pool = impl_->model.decoder->device().is_cpu() ? "cpu:0" : impl_->model.info.device,
          .signals_resident = impl_->resident->count(),
          .signal_bytes_resident = impl_->resident->bytes(),
          .kv_cache_bytes = impl_->kv_cache_bytes,
          .weight_bytes = impl_->model.decoder->weight_bytes()};
}

void Runtime::StartDraining() { impl_->draining = true; }
int Runtime::in_flight() const { return impl_->in_flight; }

}  // namespace steer
